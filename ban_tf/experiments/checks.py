"""What a request asks for that cannot be: refused before anything is imported, read or written."""

import math
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ban_tf import disk
from ban_tf.config import kinds
from ban_tf.config.experiment import MAX_SEED
from ban_tf.experiments import requests

_AT_LEAST_ONE = (
    "epochs", "batch_size", "seeds", "num_blocks", "rounds", "validate_every", "validation_clouds",
    "num_samples",
)  # fmt: skip
# Files by which a folder that a command has made is known.
_OURS = ("config.json", "folds.json", "manifest.json", "clouds", disk.LOCK)
# Where each kind of request writes: field and whether that is a folder.
_OUTPUTS: dict[type, tuple[tuple[str, bool], ...]] = {
    requests.Training: (("run", True), ("blocks", True)),
    requests.Evaluation: (("json", False),),
    requests.Preparation: (("blocks", True),),
    requests.Ablation: (("run", True), ("blocks", True)),
    requests.Timing: (("json", False),),
    requests.Figure: (("out", False), ("html", False)),
    requests.Scans: (("csv", False), ("json", False)),
    requests.Similarity: (("json", False), ("out", False)),
}
_WIDTHS = (32, 4096)  # pixels of a cell of a picture
_PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".eps", ".ps", "")


def check(request: Any) -> None:
    """Refuses a request whose numbers or places cannot be right.

    Args:
        request: of `experiments.requests`.

    Raises:
        FileExistsError: a file to write is there, and is not to be replaced.
        FileNotFoundError: there are no weights to start from.
        ValueError: a number out of its range, a place that cannot be written, or a folder where a
            file must be; the message names the argument and the value.

    Example:
        >>> check(requests.Training(seed=-1))
        Traceback (most recent call last):
        ...
        ValueError: `seed` must be a whole number from 0 to 4294967295. Received: seed=-1
    """
    _check_choices(request)
    for name in _AT_LEAST_ONE:
        value = getattr(request, name, None)
        if value is not None and value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
    _check_seeds(request)
    rate = getattr(request, "learning_rate", None)
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise ValueError(
            f"`learning_rate` must be above 0 and finite. Received: learning_rate={rate}"
        )
    _check_width(getattr(request, "width", None))
    _check_weights(getattr(request, "weights", None))
    _check_outputs(request)


def _check_choices(request: Any) -> None:
    for name, kind in typing.get_type_hints(type(request)).items():
        value = getattr(request, name)
        if not kinds.fits(kind, value):  # a choice
            raise ValueError(f"`{name}` must be {kinds.name_of(kind)}. Received: {name}={value!r}")
    variants = getattr(request, "variants", ())
    if len(set(variants)) < len(variants):
        raise ValueError(f"`variants` must name each once. Received: variants={variants}")


def _check_outputs(request: Any) -> None:
    outputs = _OUTPUTS.get(type(request), ())
    for name, is_folder in outputs:
        path = getattr(request, name)
        is_read_only = name == "blocks" and request.data is None
        if path is None or is_read_only:
            continue
        if name == "out" and path.suffix.lower() not in _PICTURES:
            raise ValueError(
                f"a picture is written as {', '.join(filter(None, _PICTURES))} (`out`). "
                f"Received: out={path}"
            )
        disk.require_writable(path, name, is_folder)
        _check_beside_rooms(path, name, getattr(request, "data", None))
        if not is_folder:
            require_free(path, name, request.overwrite)
    files = {name: getattr(request, name) for name, is_folder in outputs if not is_folder}
    require_apart({name: path for name, path in files.items() if path is not None})


def require_free(path: Path, name: str, overwrite: bool) -> None:
    """Refuses a file that is there and is not to be replaced.

    Args:
        path: of the file.
        name: of the argument.
        overwrite: whether it may be replaced.

    Raises:
        FileExistsError: it is there.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} is there already, and is replaced only with `overwrite` (`{name}`). Name "
            "another file, or move it away."
        )


def require_apart(files: Mapping[str, Path]) -> None:
    """Refuses two arguments that name one file: what is written last would be all that is left.

    Args:
        files: by the name of the argument.

    Raises:
        ValueError: two are the same.

    Example:
        >>> require_apart({"csv": Path("a.csv"), "json": Path("./a.csv")})
        Traceback (most recent call last):
        ...
        ValueError: `csv` and `json` must be different files. Received: a.csv for both
    """
    seen: dict[Path, str] = {}
    for name, path in files.items():
        other = seen.setdefault(path.resolve(), name)
        if other != name:
            raise ValueError(
                f"`{other}` and `{name}` must be different files. Received: {path} for both"
            )


def _check_width(width: int | None) -> None:
    least, most = _WIDTHS
    if width is not None and not least <= width <= most:
        raise ValueError(
            f"`width` must be from {least} to {most}, pixels of a cell. Received: width={width}"
        )


def _check_beside_rooms(path: Path, name: str, data: Path | None) -> None:
    """Refuses to write among raw rooms, where the next reading would take it for a room."""
    place = path.resolve()
    if data is None or not place.is_relative_to(data.resolve()):
        return
    while not place.exists():
        place = place.parent
    if place != data.resolve() and not any((place / mark).exists() for mark in _OURS):
        raise ValueError(
            f"`{name}` must not lie in a folder of the raw data (`data`), where the next reading "
            "would take it for a part of them; choose a place beside them. "
            f"Received: {name}={path}, data={data}"
        )


def _check_seeds(request: Any) -> None:
    first = getattr(request, "seed", None) or 0  # None as the setting says
    last = first + getattr(request, "seeds", 1) - 1
    if not 0 <= first <= last <= MAX_SEED:
        several = f", seeds={request.seeds}" if last > first else ""
        raise ValueError(
            f"`seed` must be a whole number from 0 to {MAX_SEED - (last - first)}. "
            f"Received: seed={first}{several}"
        )


def _check_weights(path: Path | None) -> None:
    if path is None or path.is_file():
        return
    if path.is_dir():
        raise ValueError(
            "`weights` must be a file; of a run folder take `model.keras` or one of `checkpoints/`."
            f" Received: weights={path}"
        )
    raise FileNotFoundError(f"There is no model at {path}. Check its name (`weights`).")
