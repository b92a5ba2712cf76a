"""The files that the hidden test of ScanNetV2 takes, written and read back.

Of every scan a text file of classes, an id per vertex, and one of instances: per line the file of
its mask, its class id and its score. A mask has a line per vertex, 1 where it is the instance's.
"""

import dataclasses
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.data.scannet.classes import Choice, Classes, of_choice

SEMANTIC, INSTANCE = "semantic.zip", "instance.zip"
_MASKS = "pred_mask"
_STUFF = ("wall", "floor")  # the instance benchmark has no such instances
_FIRST = (1980, 1, 1, 0, 0, 0)  # equal predictions give equal archives
_LINE = re.compile(r"(\S+) (\d+) ([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)")


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The prediction of one scan; `N` vertices, `G` instances, whose masks may overlap.

    Args:
        name: of the scan.
        semantic: int32 `[N]`, class, `NONE` where the id is that of no class.
        masks: bool `[G, N]`.
        classes: int32 `[G]`, `NONE` where the id is that of no class.
        scores: float64 `[G]`.
    """

    name: str
    semantic: np.ndarray
    masks: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


def of_labels(
    name: str, semantic: np.ndarray, instance: np.ndarray, classes: np.ndarray, scores: np.ndarray
) -> Prediction:
    """The prediction whose masks are the instances of a labelling.

    Args:
        name: of the scan.
        semantic: int32 `[N]`.
        instance: int32 `[N]` in [-1, G).
        classes: int `[G]`.
        scores: float `[G]`.
    """
    masks = instance == np.arange(len(classes))[:, None]
    return Prediction(name, semantic, masks, np.asarray(classes), np.asarray(scores, np.float64))


def write(folder: Path, predictions: Iterable[Prediction], choice: Choice = "20") -> list[Path]:
    """Writes `semantic.zip` and `instance.zip`.

    Args:
        folder: to write to; made if needed.
        predictions: of each scan.
        choice: which classes.

    Returns:
        The two files.
    """
    classes = of_choice(choice)
    made = [folder / SEMANTIC, folder / INSTANCE]
    with disk.whole(made[0]) as semantic, disk.whole(made[1]) as instance:
        with _new(semantic) as of_classes, _new(instance) as of_instances:
            for prediction in predictions:
                ids = _column(classes.id_of(prediction.semantic))
                _add_text(of_classes, f"{prediction.name}.txt", ids)
                _add_instances(of_instances, prediction, classes)
    return made


def read(folder: Path, choice: Choice = "20") -> Iterator[Prediction]:
    """Reads a submission back, sorted by the names of the scans.

    Args:
        folder: of `semantic.zip` and `instance.zip`.
        choice: which classes.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: a file is not as the benchmark asks for; the message names it and the line.
    """
    classes = of_choice(choice)
    paths = [folder / SEMANTIC, folder / INSTANCE]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: a submission is {SEMANTIC} and {INSTANCE}")
    with _opened(paths[0]) as of_classes, _opened(paths[1]) as of_instances:
        for entry in sorted(of_classes.namelist()):
            ids = _numbers(paths[0], of_classes, entry)
            name = entry.removesuffix(".txt")
            yield _read_one(name, classes.class_of(ids), paths[1], of_instances, classes)


def _add_instances(file: zipfile.ZipFile, prediction: Prediction, classes: Classes) -> None:
    lines = []
    for index, mask in enumerate(prediction.masks):
        kind = int(prediction.classes[index])
        if classes.labels.class_names[kind] in _STUFF:
            continue
        name = f"{_MASKS}/{prediction.name}_{index:03d}.txt"
        _add_text(file, name, _mask_text(mask))
        lines.append(f"{name} {classes.ids[kind]} {float(prediction.scores[index])!r}\n")
    _add_text(file, f"{prediction.name}.txt", "".join(lines))


def _read_one(
    name: str, semantic: np.ndarray, path: Path, file: zipfile.ZipFile, classes: Classes
) -> Prediction:
    masks, ids, scores = [np.zeros((0, len(semantic)), bool)], [], []
    for number, line in enumerate(_text(path, file, f"{name}.txt").splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(
                f"{path}: {name}.txt:{number}: must be `<mask> <class id> <score>`. "
                f"Received: {line!r}"
            )
        mask = _numbers(path, file, found[1])
        if len(mask) != len(semantic):
            raise ValueError(
                f"{path}: {found[1]} must have a line per vertex. Received: {len(mask)} lines for "
                f"{len(semantic)} vertices"
            )
        masks.append(mask[None] != 0)
        ids.append(int(found[2]))
        scores.append(float(found[3]))
    kinds = classes.class_of(np.array(ids, np.int64))
    return Prediction(name, semantic, np.concatenate(masks), kinds, np.array(scores, np.float64))


def _new(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is damaged ({error}).") from error


def _add_text(file: zipfile.ZipFile, name: str, text: str | bytes) -> None:
    entry = zipfile.ZipInfo(name, _FIRST)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    file.writestr(entry, text, compresslevel=1)


def _column(values: np.ndarray) -> str:
    """Whole numbers of at least 0, a line each."""
    return "".join(f"{value}\n" for value in values.tolist())


def _mask_text(mask: np.ndarray) -> bytes:
    """A bool mask, a line of 0 or 1 each; far faster than `_column`, there are many masks."""
    lines = np.empty((len(mask), 2), np.uint8)
    lines[:, 0] = mask + ord("0")
    lines[:, 1] = ord("\n")
    return lines.tobytes()


def _text(path: Path, file: zipfile.ZipFile, name: str) -> str:
    try:
        return file.read(name).decode("ascii")
    except (KeyError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: {name} is missing or damaged ({error}).") from error


def _numbers(path: Path, file: zipfile.ZipFile, name: str) -> np.ndarray:
    """int64 `[N]`: the whole numbers of a file, a line each."""
    text = _text(path, file, name)
    if not text:
        return np.zeros(0, np.int64)
    digits = np.frombuffer(text.encode("ascii"), np.uint8)
    if len(digits) % 2 == 0 and (digits[1::2] == ord("\n")).all():  # one digit a line, as masks
        values = digits[::2].astype(np.int64) - ord("0")
        if ((values >= 0) & (values < 10)).all():
            return values
    try:
        return np.loadtxt(io.StringIO(text), np.int64, ndmin=1)
    except ValueError as error:
        raise ValueError(f"{path}: {name}: must hold a whole number per line ({error})") from error
