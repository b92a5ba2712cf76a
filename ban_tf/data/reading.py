"""Reads raw scans of any data set into a cache of clouds, each anew only when it changed."""

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ban_tf import disk
from ban_tf.clouds import cloud_cache
from ban_tf.clouds.cloud import Cloud
from ban_tf.clouds.problems import Problem, UnreadableError
from ban_tf.config import names
from ban_tf.data import workers
from ban_tf.progress import Bar

REPORT = "reading_report.txt"  # beside the cached clouds
_LEAST_SHARE = 0.7  # of the raw bytes, that clouds and samples take at the least
_ONE_PROCESS_BYTES = 256 * 2**20  # below, starting processes costs more than they save
_SHOWN = 3  # unreadable scans that a message names; the rest is counted
_MAX_WORKERS = 8  # each may hold the largest scan, about 2 GB
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Scan:
    """One raw scan of a data set, and how to read it.

    Args:
        name: that its cloud will have.
        group: that splits name; empty where they name the cloud itself.
        files: the raw files; their sizes and times tell whether the scan changed.
        read: gives the cloud and what had to be repaired or left out, or raises `UnreadableError`.
            Other processes call it: a function of a module, or a `functools.partial` of one.
        version: of the reader and its settings; another one reads the scan again.
        num_sharing: how many scans lie in the same files, this one among them.

    Raises:
        ValueError: a name that no file can have.
    """

    name: str
    group: str
    files: tuple[Path, ...]
    read: Callable[[], tuple[Cloud, list[Problem]]]
    version: str
    num_sharing: int = 1

    def __post_init__(self) -> None:
        names.require_file_name("`name` of a scan", self.name)

    def num_bytes(self) -> int:
        """Size of the scan's share of the raw files, the measure of the work to read it."""
        return sum(file.stat().st_size for file in self.files) // self.num_sharing

    def fingerprint(self) -> str:
        """A digest that changes when the raw files or the reader change."""
        stats = [(file.name, file.stat()) for file in self.files]
        described = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
        text = json.dumps([self.version, self.name, self.group, described])
        return hashlib.sha256(text.encode()).hexdigest()


def read_scans(
    scans: Sequence[Scan],
    cache: Path,
    num_workers: int | None = None,
    progress: bool = True,
    left_out: Sequence[Problem] = (),
    unreadable: list[Problem] | None = None,
) -> list[Path]:
    """Reads scans into a cache of clouds, `<cache>/<Cloud.name>.npz`.

    What had to be repaired or left out is written to `<cache>/reading_report.txt`, and logged as a
    count.

    Args:
        scans: what to read.
        cache: folder of the clouds; made if needed.
        num_workers: processes that read; None lets the amount of work decide. A script that
            asks for more than one needs `if __name__ == "__main__":`.
        progress: whether to draw a progress bar.
        left_out: what was found beside the scans and is none, for the report.
        unreadable: takes what made scans unreadable, and these are left out of what is returned;
            None refuses them, once all others are read.

    Returns:
        The cached clouds, in the order of `scans`.

    Raises:
        RuntimeError: a reading process died.
        UnreadableScansError: no scan could be read, or some could not and `unreadable` is None.
        ValueError: a scan without one valid point, two of one name, or fewer than one worker.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "desk.xyz").write_text("0 0 0")
        5
        >>> scan = Scan(
        ...     name="desk",
        ...     group="",
        ...     files=(folder / "desk.xyz",),
        ...     read=lambda: (unlabelled("desk", np.loadtxt(folder / "desk.xyz", ndmin=2)), []),
        ...     version="1",
        ... )
        >>> [path.name for path in read_scans([scan], folder / "clouds", progress=False)]
        ['desk.npz']
    """
    paths = _cache_files(scans, cache)
    stale = [
        (scan, path)
        for scan, path in zip(scans, paths, strict=True)
        if not _is_cached(path, scan.fingerprint())
    ]
    largest_first = sorted(stale, key=lambda job: -job[0].num_bytes())
    total = sum(scan.num_bytes() for scan, _ in stale)
    if num_workers is None:
        cores = min(os.cpu_count() or 1, _MAX_WORKERS)
        num_workers = cores if total > _ONE_PROCESS_BYTES else 1
    with Bar(total, "reading scans", unit="B", scaled=True, shown=progress) as bar:
        lost = {}
        for num_bytes, path, problem in workers.run(_cache_scan, largest_first, num_workers):
            bar.update(num_bytes)
            if problem is not None:
                lost[path] = problem
    problems = [lost[path] for path in paths if path in lost]
    if problems and (unreadable is None or len(problems) == len(paths)):
        raise UnreadableScansError(problems, len(paths))
    if unreadable is not None:
        unreadable += problems
    paths = [path for path in paths if path not in lost]
    _report(paths, [*problems, *left_out], cache / REPORT)
    return paths


class UnreadableScansError(ValueError):
    """Scans that could not be read, in one sentence; all the others were.

    Args:
        problems: what made each of them unreadable, at least one.
        num_scans: of all scans that were to be read.
    """

    def __init__(self, problems: Sequence[Problem], num_scans: int) -> None:
        shown = "; ".join(map(str, problems[:_SHOWN]))
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        kept = "The others are read and kept" if len(problems) < num_scans else "No other is there"
        super().__init__(
            f"{len(problems)} of {num_scans} scans could not be read: {shown}{more}. {kept}: get "
            "these files anew, or move the folders of these scans away, and give the same command "
            "again."
        )


def cached(
    scans: Sequence[Scan], cache: Path, left_out: Sequence[Problem] = ()
) -> list[Path] | None:
    """The clouds that `read_scans` would give, if it had nothing to do; writes nothing.

    Raises:
        ValueError: two scans of one name.
    """
    paths = _cache_files(scans, cache)
    if not all(
        path.is_file() and _is_cached(path, scan.fingerprint())
        for scan, path in zip(scans, paths, strict=True)
    ):
        return None
    report = cache / REPORT
    problems = [*left_out, *read_problems(paths)]
    if not report.is_file() or report.read_bytes() != _text(paths, problems):
        return None
    _tell(problems, report)
    return paths


def _cache_files(scans: Sequence[Scan], cache: Path) -> list[Path]:
    names.require_distinct("scan", [scan.name for scan in scans])
    return [cache / f"{scan.name}.npz" for scan in scans]


def require_space(scans: Sequence[Scan], cache: Path) -> None:
    """Refuses a disk that is too full for what is to be read, before any of it is.

    A point of text has some 30 to 60 bytes, and 35 in the cache, beside its samples.

    Raises:
        OSError: there is too little space.
    """
    stale = [
        scan
        for scan in scans
        if not _is_cached(cache / f"{scan.name}.npz", scan.fingerprint(), quiet=True)
    ]
    num_bytes = int(_LEAST_SHARE * sum(scan.num_bytes() for scan in stale))
    disk.require_free(cache, num_bytes, f"the cache of {len(stale)} scans (`blocks`)")


def _cache_scan(job: tuple[Scan, Path]) -> tuple[int, Path, Problem | None]:
    """Size, cached file, and what made the scan unreadable, if that is what it is."""
    scan, path = job
    fingerprint = scan.fingerprint()
    try:
        cloud, problems = scan.read()
    except UnreadableError as error:
        return scan.num_bytes(), path, error.problem
    cloud = dataclasses.replace(cloud, group=scan.group)
    notes = json.dumps([(str(problem.path), problem.line, problem.text) for problem in problems])
    cloud_cache.save_cloud(cloud, path, fingerprint=fingerprint, notes=notes)
    return scan.num_bytes(), path, None


def _is_cached(path: Path, fingerprint: str, quiet: bool = False) -> bool:
    try:
        return cloud_cache.read_header(path)[0] == fingerprint
    except FileNotFoundError:
        return False
    except ValueError as error:
        if not quiet:
            _LOG.warning("%s Reading the scan again.", error)
        return False


def read_problems(paths: Iterable[Path]) -> list[Problem]:
    """What reading the scans of cached clouds repaired or left out."""
    return [
        Problem(Path(file), line, text)
        for path in paths
        for file, line, text in json.loads(cloud_cache.read_header(path)[1] or "[]")
    ]


def _report(paths: list[Path], left_out: Sequence[Problem], report: Path) -> None:
    problems = [*left_out, *read_problems(paths)]
    disk.write_whole(report, _text(paths, problems))
    _tell(problems, report)


def _text(paths: list[Path], problems: list[Problem]) -> bytes:
    lines = [f"{len(paths)} scans, {len(problems)} problems", *map(str, problems)]
    # A file's name may be no text; what is wrong with it is told all the same.
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")


def _tell(problems: list[Problem], report: Path) -> None:
    if problems:
        _LOG.warning(
            "%d problems in the raw files were repaired or left out, the first: %s. See %s",
            len(problems),
            problems[0],
            report,
        )
