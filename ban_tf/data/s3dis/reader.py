"""S3DIS v1.2: raw `Area_<N>/<room>/Annotations/<class>_<k>.txt` to clouds.

A row is understood in full or dropped with a report that names file and line; a room is never
dropped. The defects that the published files are known to have are handled in `annotation.py`.
"""

import concurrent.futures.process
import hashlib
import json
import logging
import multiprocessing
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ban_tf import config
from ban_tf.clouds import cloud_cache
from ban_tf.clouds.cloud import Cloud
from ban_tf.data.s3dis.annotation import RowProblem, read_annotation
from ban_tf.data.s3dis.layout import Room, list_rooms

UNKNOWN_CLASS = "clutter"  # where unknown classes (v1.2 has a few `stairs`) go, as in the authors'
REPORT = "reading_report.txt"  # beside the cached clouds
_READER = "s3dis reader 1"  # part of every fingerprint: raise it when the reading changes
_COPY = re.compile(r"(?P<original>.+?) ?\(\d+\)")
_ONE_PROCESS_BYTES = 256 * 2**20  # below, starting processes costs more than they save
_MAX_WORKERS = 8  # each may hold the largest room, about 2 GB

_log = logging.getLogger(__name__)


def read_areas(
    root: Path,
    areas: Iterable[int],
    cache: Path,
    num_workers: int | None = None,
    progress: bool = True,
    class_names: Sequence[str] = config.S3DIS.class_names,
) -> list[Path]:
    """Reads areas into a cache of clouds, `<cache>/<Cloud.name>.npz`.

    Rooms whose raw files have not changed since they were cached are not read again. What had
    to be repaired or left out is written to `<cache>/reading_report.txt`, and logged as a count.

    Args:
        root: the folder of `Area_<N>` folders, or its parent.
        areas: numbers of the areas to read.
        cache: folder of the clouds; made if needed.
        num_workers: processes that read; None lets the amount of work decide. A script that
            asks for more than one needs `if __name__ == "__main__":`.
        progress: whether to draw a progress bar.
        class_names: names by class index; must contain `clutter`.

    Returns:
        The cached clouds of all rooms, sorted by area, then by name with numbers by value.

    Raises:
        FileNotFoundError: the root, an area, or a room's `Annotations` is missing.
        ValueError: a room without one valid point.
    """
    root, cache = Path(root), Path(cache)
    rooms = list_rooms(root, areas)
    jobs = [
        (room, tuple(class_names), cache / f"{room.cloud_name}.npz", fingerprint(room, class_names))
        for room in rooms
    ]
    paths = [path for _, _, path, _ in jobs]
    stale = [job for job in jobs if not _is_cached(job[2], job[3])]
    sizes = [room.num_bytes() for room, *_ in stale]
    if num_workers is None:
        cores = min(os.cpu_count() or 1, _MAX_WORKERS)
        num_workers = cores if sum(sizes) > _ONE_PROCESS_BYTES else 1
    if num_workers < 1:
        raise ValueError(f"`num_workers` must be at least 1. Received: num_workers={num_workers}")
    bar = tqdm(
        total=sum(sizes), desc="reading rooms", unit="B", unit_scale=True, disable=not progress
    )
    with bar:
        for job_index in _run(stale, sizes, num_workers):
            bar.update(sizes[job_index])
    _report(paths, cache / REPORT)
    return paths


_Job = tuple[Room, tuple[str, ...], Path, str]


def _run(jobs: list[_Job], sizes: list[int], num_workers: int) -> Iterator[int]:
    """Caches rooms, the largest first; yields the index of each when done."""
    order = sorted(range(len(jobs)), key=lambda index: -sizes[index])
    if num_workers == 1 or len(jobs) <= 1:
        for index in order:
            _cache_room(jobs[index])
            yield index
        return
    # Not forked: the caller may hold TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    executor = concurrent.futures.ProcessPoolExecutor(num_workers, context)
    try:
        pending = {executor.submit(_cache_room, jobs[index]): index for index in order}
        for future in concurrent.futures.as_completed(pending):
            future.result()
            yield pending[future]
    except concurrent.futures.process.BrokenProcessPool as error:
        raise RuntimeError(
            "A reading process died: out of memory, or the calling script lacks "
            '`if __name__ == "__main__":`. Use num_workers=1 to read in this process. '
            f"Received: num_workers={num_workers}"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _cache_room(job: _Job) -> None:
    room, class_names, path, source = job
    cloud, problems = read_room(room, class_names)
    notes = json.dumps([(str(problem.path), problem.line, problem.text) for problem in problems])
    cloud_cache.save_cloud(cloud, path, fingerprint=source, notes=notes)


def _is_cached(path: Path, source: str) -> bool:
    try:
        return cloud_cache.read_header(path)[0] == source
    except FileNotFoundError:
        return False
    except ValueError as error:
        _log.warning("%s Reading the room again.", error)
        return False


def read_problems(paths: Iterable[Path]) -> list[RowProblem]:
    """Returns what reading the rooms of cached clouds repaired or left out."""
    return [
        RowProblem(Path(file), line, text)
        for path in paths
        for file, line, text in json.loads(cloud_cache.read_header(path)[1] or "[]")
    ]


def _report(paths: list[Path], report: Path) -> None:
    problems = read_problems(paths)
    lines = [f"{len(paths)} rooms, {len(problems)} problems", *map(str, problems)]
    temporary = report.with_name(f".{report.name}.{os.getpid()}.part")
    try:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(temporary, report)
    finally:
        temporary.unlink(missing_ok=True)
    if problems:
        _log.warning(
            "%d problems in the raw files were repaired or left out, the first: %s. See %s",
            len(problems),
            problems[0],
            report,
        )


def read_room(
    room: Room, class_names: Sequence[str] = config.S3DIS.class_names
) -> tuple[Cloud, list[RowProblem]]:
    """Reads a raw room.

    The class of a file is the part of its name before the first underscore; unknown classes
    become `clutter`. Instances are numbered in the order of `Room.annotation_files`, over the
    files that hold points. A file whose points all occur in another one (such as the published
    `wall_3 (1).txt`) is skipped.

    Args:
        room: the room.
        class_names: names by class index; must contain `clutter`.

    Returns:
        The cloud, `xyz` in raw metres (not shifted), and what had to be repaired or left out.

    Raises:
        ValueError: no `clutter` among the names, or not one valid point in the room.
    """
    if UNKNOWN_CLASS not in class_names:
        raise ValueError(
            f"`class_names` must contain {UNKNOWN_CLASS!r}, the class of unknown names. "
            f"Received: class_names={tuple(class_names)}"
        )
    problems: list[RowProblem] = []
    kept: dict[Path, np.ndarray] = {}
    unknown: set[str] = set()
    classes = []
    for file in room.annotation_files():
        rows, row_problems = read_annotation(file)
        problems += row_problems
        if not len(rows):
            problems.append(RowProblem(file, 0, "holds no valid point; left out"))
            continue
        original = _original_of(file, rows, kept)
        if original is not None:
            problems.append(RowProblem(file, 0, f"repeats {original.name}; left out"))
            continue
        name = file.stem.split("_")[0].lower()
        if name not in class_names and name not in unknown:
            unknown.add(name)
            problems.append(RowProblem(file, 0, f"class {name!r} is unknown; read as clutter"))
        kept[file] = rows
        classes.append(class_names.index(name if name in class_names else UNKNOWN_CLASS))
    if not kept:
        raise ValueError(
            f"Room {room.folder} has no valid point in {len(room.annotation_files())} annotation "
            "files. Unpack it again, or move the folder away if it is not a room."
        )
    return _assemble(room, list(kept.values()), classes), problems


def _assemble(room: Room, files: list[np.ndarray], classes: list[int]) -> Cloud:
    sizes = [len(rows) for rows in files]
    return Cloud(
        name=room.cloud_name,
        xyz=np.concatenate([rows[:, :3] for rows in files]),
        rgb=np.concatenate([np.rint(rows[:, 3:]).astype(np.uint8) for rows in files]),
        semantic=np.repeat(np.array(classes, np.int32), sizes),
        instance=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
    )


def _original_of(file: Path, rows: np.ndarray, kept: dict[Path, np.ndarray]) -> Path | None:
    copy = _COPY.fullmatch(file.stem)
    for other, other_rows in kept.items():
        is_candidate = len(other_rows) == len(rows) or (
            copy is not None and copy["original"] == other.stem
        )
        if is_candidate and _row_set(rows) <= _row_set(other_rows):
            return other
    return None


def _row_set(rows: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in rows}


def fingerprint(room: Room, class_names: Sequence[str]) -> str:
    """A digest that changes when the room's raw files, the classes or the reader change."""
    stats = [(file.name, file.stat()) for file in room.annotation_files()]
    described = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    text = json.dumps([_READER, room.cloud_name, list(class_names), described])
    return hashlib.sha256(text.encode()).hexdigest()
