"""Which scans a user means, where their labelled copies go, and which labels they bring.

Nothing here imports TensorFlow.
"""

import dataclasses
import glob
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.clouds.conditioning import Conditioned
from ban_tf.clouds.formats import scan
from ban_tf.clouds.formats.raw_scan import RawScan
from ban_tf.config import NONE, Labels

# Names that classes and instances go by in files; case does not matter.
_SEMANTIC = ("semantic", "class", "label", "labels", "sem", "semantic_label", "scalar_label",
             "scalar_class")  # fmt: skip
_INSTANCE = ("instance", "instances", "ins", "instance_label", "object", "scalar_instance")
_MARK = "_labelled"
_OF_FOLDERS = ".ply"  # what is written of a folder


@dataclasses.dataclass(frozen=True)
class FolderKind:
    """A data set whose scans are folders.

    Args:
        title: of the data set, for messages.
        is_one: whether a folder is one of its scans.
        read: gives its cloud, with labels by the class names of the data set.
        labels: its classes.
    """

    title: str
    is_one: Callable[[Path], bool]
    read: Callable[[Path], Cloud]
    labels: Labels


@dataclasses.dataclass(frozen=True)
class Truth:
    """Labels that a scan brings; int32 `[N]` each, `NONE` where there is none.

    Args:
        semantic: class of each point.
        instance: of each point.
        has_instances: whether the scan brings any at all; only classes are scored without.
    """

    semantic: np.ndarray
    instance: np.ndarray
    has_instances: bool = True


def find(patterns: Sequence[str]) -> list[Path]:
    """The files and folders that a user means, sorted, each once.

    Args:
        patterns: paths, or patterns with `*`, `?` or `[...]`; `**` for any depth.

    Raises:
        FileNotFoundError: there is none of a name or pattern.
        ValueError: a name has line breaks or the like.

    Example:
        >>> find(["no_such_scan.ply"])
        Traceback (most recent call last):
        ...
        FileNotFoundError: There is no scan no_such_scan.ply. Check its name.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        here = [Path(pattern)] if Path(pattern).exists() else []
        if not here:
            named = map(Path, sorted(glob.glob(pattern, recursive=True)))
            here = [path for path in named if path.suffix.lower() in scan.FORMATS or path.is_dir()]
        if not here:
            is_pattern = any(mark in pattern for mark in "*?[")
            told = f"No scan fits {pattern}." if is_pattern else f"There is no scan {pattern}."
            raise FileNotFoundError(f"{told} Check its name.")
        found |= dict.fromkeys(here)
    for path in found:
        if not path.stem.isprintable():  # it names the cloud, in tables and pages
            raise ValueError(
                f"the name of a scan must be printable; rename the file. Received: {str(path)!r}"
            )
    return list(found)


def read(
    path: Path, columns: Sequence[str] | None, kinds: Sequence[FolderKind]
) -> tuple[RawScan, Labels | None]:
    """Reads a scan: a file of any format, or a folder of a data set that is known.

    Args:
        path: of the scan.
        columns: names of the columns of a file of text, or None.
        kinds: of folders.

    Returns:
        The scan, and the classes that its labels are numbers of, None where only the file knows.

    Raises:
        FileNotFoundError, ValueError: as `scan.read`; or the folder is none of a kind.
    """
    if not path.is_dir():
        return scan.read(path, columns), None
    for kind in kinds:
        if kind.is_one(path):
            cloud = kind.read(path)
            fields = {"truth_semantic": cloud.semantic, "truth_instance": cloud.instance}
            about = {"unit": "m", "data set": kind.title}
            return RawScan(path, cloud.xyz, cloud.rgb, fields, about), kind.labels
    known = " or ".join(kind.title for kind in kinds)
    raise ValueError(f"{path} must be a file, or the folder of one scan of {known}.")


def outputs(paths: Sequence[Path], out: Path | None, suffix: str | None = None) -> dict[Path, Path]:
    """Where the labelled copy of each scan goes.

    Args:
        paths: of the scans.
        out: the file, or with several scans the folder; None is beside each scan.
        suffix: extension of the copies; None is that of the scan, `.ply` for folders.

    Raises:
        ValueError: two copies would be one file, or an extension stands for no format.

    Example:
        >>> outputs([Path("office.laz")], None)
        {PosixPath('office.laz'): PosixPath('office_labelled.laz')}
    """
    if out is not None and len(paths) == 1 and not out.is_dir():
        found = {paths[0]: out}
    else:
        found = {}
        for path in paths:
            kind = suffix or (_OF_FOLDERS if path.is_dir() else path.suffix)
            stem = path.name if path.is_dir() else path.stem
            found[path] = (path.parent if out is None else out) / f"{stem}{_MARK}{kind}"
    for path, place in found.items():
        scan.format_of(place)
        twins = [other for other in found if found[other] == place and other != path]
        if twins:
            raise ValueError(
                f"{path} and {twins[0]} would both be written to {place}: name them one by one "
                "(`out`)."
            )
    return found


def truth_of(
    found: RawScan,
    labels: Labels,
    own: Labels | None,
    names: Sequence[str] | None,
    is_part: bool = False,
) -> Truth:
    """The labels that a scan brings, as numbers of a model's classes.

    Args:
        found: the scan.
        labels: the model's classes.
        own: the classes that the scan's labels are numbers of; None if they are the model's.
        names: of the fields with the class and the instance; None looks for usual ones. Without
            the second there is no true instance.
        is_part: whether these are some points of a scan: instances then keep the numbers of the
            file, as int64.

    Raises:
        ValueError: there is no such field, or its numbers are no classes of the model.
    """
    fields = {"truth_semantic": "truth_semantic", **{name.lower(): name for name in found.fields}}
    if names is None:
        semantic_name = _first(fields, ("truth_semantic", *_SEMANTIC), found.fields)
        instance_name = _first(fields, ("truth_instance", *_INSTANCE), found.fields)
    else:
        semantic_name, instance_name = names[0], names[1] if len(names) > 1 else None
    missing = [name for name in (semantic_name, instance_name) if name not in (None, *found.fields)]
    if semantic_name is None or missing:
        what = f"no field {missing[0]}" if missing else "no field with classes that is known"
        raise ValueError(
            f"{found.path} has {what} (`truth`). It has: {', '.join(found.fields) or 'none'}"
        )
    semantic = _whole(found, semantic_name)
    if own is not None and own.class_names != labels.class_names:
        semantic = _translated(semantic, own, labels)
    if semantic.max(initial=NONE) >= labels.num_classes:
        raise ValueError(
            f"{found.path}: {semantic_name} must hold numbers of the model's classes, 0 to "
            f"{labels.num_classes - 1}, or -1. Received: {semantic.max()}"
        )
    semantic = np.where(semantic < 0, NONE, semantic).astype(np.int32)
    if instance_name is None:
        return Truth(semantic, np.full_like(semantic, NONE), has_instances=False)
    instance = _whole(found, instance_name)
    left_out = (semantic == NONE) | (instance < 0)
    if is_part:
        return Truth(semantic, np.where(left_out, NONE, instance))
    numbers = np.unique(instance, return_inverse=True)[1]
    return Truth(semantic, np.where(left_out, NONE, numbers).astype(np.int32))


def with_truth(conditioned: Conditioned, truth: Truth | None) -> Cloud:
    """The cloud of a scan with the labels that the scan brings, if any.

    Args:
        conditioned: the scan.
        truth: of all points of the file.
    """
    if truth is None:
        return conditioned.cloud
    rows = conditioned.rows
    return dataclasses.replace(
        conditioned.cloud, semantic=truth.semantic[rows], instance=truth.instance[rows]
    )


def _first(
    fields: Mapping[str, str], names: Sequence[str], there: Mapping[str, np.ndarray]
) -> str | None:
    return next((fields[name] for name in names if fields.get(name) in there), None)


def _whole(found: RawScan, name: str) -> np.ndarray:
    """int64 `[N]`, NaN as -1."""
    values = np.nan_to_num(found.fields[name].astype(np.float64), nan=NONE, posinf=-2, neginf=-2)
    if (
        values.ndim != 1
        or (values != np.floor(values)).any()
        or np.abs(values).max(initial=0) > 2**53
    ):
        raise ValueError(f"{found.path}: {name} must hold whole numbers to be labels (`truth`).")
    return values.astype(np.int64)


def _translated(semantic: np.ndarray, own: Labels, labels: Labels) -> np.ndarray:
    """Numbers of classes by their names; those that the model does not have are left out."""
    table = np.array([*labels.of_names(own.class_names), NONE])
    return table[np.where(semantic < 0, len(table) - 1, semantic)]
