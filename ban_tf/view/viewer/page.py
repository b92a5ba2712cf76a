"""One file that shows a labelled cloud in a browser, from disk and without a network."""

import base64
import hashlib
import html
import json
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE, Labels
from ban_tf.view.viewer import scene
from ban_tf.view.viewer.similarity import Attention

MAX_POINTS = 1_000_000  # about 8 MB; also what a telephone draws
_WEB = Path(__file__).parent / "web"


def page(
    cloud: Cloud,
    labels: Labels,
    found: scene.Found,
    attentions: Sequence[Attention] = (),
    samples: np.ndarray | None = None,
    is_room: bool = True,
    max_points: int = MAX_POINTS,
    whole: scene.Whole | None = None,
) -> str:
    """Makes a page that shows a cloud with its labels, to be written to an `.html` file.

    Everything is in it: points, labels, script and style. The same arguments give the same text.
    Where the cloud has true labels the page shows them too, and where the predicted ones differ.

    Args:
        cloud: with at least one point; its labels are the truth, `NONE` where there is none.
        labels: its classes.
        found: predicted labels, such as a `Segmentation`.
        attentions: of the network, for the similarity of a point that is clicked.
        samples: int `[K, P]`, which shown points the samples of `attentions` are made of: numbers
            in `scene.shown_rows(cloud, max_points)`. None without attentions.
        is_room: whether a ceiling and outer walls may hide the inside.
        max_points: a larger cloud is thinned evenly to so many, and the page says so.
        whole: what is predicted of all points, where `cloud` and `found` have only some of them.

    Returns:
        HTML text.

    Raises:
        ValueError: no points, labels of other points or unknown classes, a confidence or a score
            that is none, no points to show, or samples that do not fit the attentions.

    Example:
        >>> import dataclasses
        >>> import numpy as np
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> from ban_tf.config import Labels
        >>> @dataclasses.dataclass
        ... class Desk:
        ...     semantic = np.zeros(4, np.int32)
        ...     instance = np.zeros(4, np.int32)
        ...     confidence = np.ones(4, np.float32)
        ...     instance_scores = np.ones(1)
        >>> text = page(unlabelled("desk", np.eye(4, 3)), Labels(class_names=("desk",)), Desk())
        >>> text[:15], "<title>desk</title>" in text
        ('<!doctype html>', True)
    """
    _check(cloud, labels, found, max_points)
    _check_shares("found.instance_scores", found.instance_scores, _num_instances(found, whole))
    _check_samples(attentions, samples, min(len(cloud), max_points))
    document, points = scene.describe(
        cloud, labels, found, attentions, samples, max_points, is_room, whole
    )
    script = (_WEB / "viewer.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = string.Template((_WEB / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(cloud.name),
        digest=digest,
        style=(_WEB / "style.css").read_text(encoding="utf-8"),
        script=script,
        document=_in_script(json.dumps(document, allow_nan=False, separators=(",", ":"))),
        points=points,
    )


def write(path: Path, text: str, overwrite: bool = False) -> None:
    """Writes a page, whole or not at all.

    Args:
        path: the file; its folder is made if needed.
        text: from `page`.
        overwrite: replace a file that is there.

    Raises:
        FileExistsError: it is there.
        OSError: it cannot be written.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "pages" / "desk.html"
        >>> write(path, "<!doctype html>")
        >>> path.read_text()
        '<!doctype html>'
    """
    require_free(path, overwrite)
    disk.write_whole(path, text)


def require_free(path: Path, overwrite: bool) -> None:
    """Refuses a page that is there, unless it may be replaced.

    Args:
        path: of the page.
        overwrite: whether it may.

    Raises:
        FileExistsError: it is there.

    Example:
        >>> import pathlib
        >>> require_free(pathlib.Path("no_such_folder/desk.html"), overwrite=False)
    """
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} is there already, and is replaced only with `overwrite` (`html`). Name "
            "another file, or move it away."
        )


def _in_script(text: str) -> str:
    """JSON that no tag ends, whatever the names of classes are."""
    return text.replace("<", "\\u003c")


def _num_instances(found: scene.Found, whole: scene.Whole | None) -> int:
    num_shown = int(found.instance.max()) + 1
    if whole is None:
        return num_shown
    if num_shown > len(whole.instances):
        raise ValueError(
            "`whole` must have the instances of `found`. Received: "
            f"{len(whole.instances)} instances, and points of number {num_shown - 1}"
        )
    return len(whole.instances)


def _check(cloud: Cloud, labels: Labels, found: scene.Found, max_points: int) -> None:
    if not len(cloud):
        raise ValueError(
            f"`cloud` must have at least one point. Received: {cloud.name}, which has 0"
        )
    if max_points < 1:
        raise ValueError(f"`max_points` must be at least 1. Received: max_points={max_points}")
    for owner, of in (("found", found), ("cloud", cloud)):
        for name in ("semantic", "instance"):
            _check_numbers(f"{owner}.{name}", getattr(of, name), len(cloud))
        highest = int(of.semantic.max())
        if highest >= labels.num_classes:
            raise ValueError(
                f"`{owner}.semantic` must hold classes of `labels`, 0 to {labels.num_classes - 1}, "
                f"or {NONE}. Received: {highest}"
            )
    _check_shares("found.confidence", found.confidence, len(cloud))


def _check_numbers(name: str, values: np.ndarray, num_points: int) -> None:
    if values.shape != (num_points,) or values.dtype.kind not in "iu" or values.min() < NONE:
        raise ValueError(
            f"`{name}` must hold a whole number from {NONE} for each of {num_points} points. "
            f"Received: shape {values.shape}, dtype {values.dtype}, "
            f"least {values.min() if values.size else 'none'}"
        )


def _check_shares(name: str, values: np.ndarray, count: int) -> None:
    if values.shape != (count,) or not np.isfinite(values).all():
        raise ValueError(
            f"`{name}` must hold {count} finite numbers. Received: shape {values.shape}, "
            f"{np.count_nonzero(~np.isfinite(values))} that are not finite"
        )


def _check_samples(
    attentions: Sequence[Attention], samples: np.ndarray | None, num_shown: int
) -> None:
    if (samples is None) == bool(attentions):
        raise ValueError(
            "`samples` and `attentions` go together. Received: "
            f"{len(attentions)} attentions, samples={'None' if samples is None else samples.shape}"
        )
    for one in attentions:
        if samples is not None and one.query.shape[:2] != samples.shape:
            raise ValueError(
                "`samples` must be [K, P], as the attentions are [K, P, W]. Received: "
                f"{samples.shape}, {one.name} of {one.query.shape}"
            )
    if samples is not None and not (0 <= samples.min() <= samples.max() < num_shown):
        raise ValueError(
            f"`samples` must hold numbers of shown points, 0 to {num_shown - 1}. "
            f"Received: {samples.min()} to {samples.max()}"
        )
