"""What the compiled library is and what it was built from: the record beside it (stdlib only).

`build_ops.sh` writes the record. `tf_ops.library` reads it and loads no library but the one that
it describes, built from the sources that lie there: a library cut short would end the process, and
one of other sources would compute something else than they say, both without a word.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "_ban_ops.so"
RECORD = FOLDER / "_ban_ops.json"
REBUILD = "bash build_ops.sh --ops-only"

# What every record holds; one without them was written by an earlier version of the build.
_KEYS = {
    "tensorflow": str,
    "compiler": str,
    "machine": str,
    "instructions": list,
    "cuda_architectures": list,
    "flags": list,
    "source_hash": str,
    "library": dict,
    "sources": dict,
}


def read(path: Path) -> dict[str, Any]:
    """Returns the record of a library.

    Raises:
        ImportError: it is missing, empty, damaged, or of an earlier version; the message names it.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ImportError(
            f"{path} is missing, and without it nothing tells what the compiled ops were built "
            f"from; rebuild: {REBUILD}"
        ) from None
    except (OSError, ValueError) as error:
        raise ImportError(f"{path} is damaged ({error}); rebuild: {REBUILD}") from error
    lacking = sorted(
        key
        for key, kind in _KEYS.items()
        if not isinstance(found, dict) or not isinstance(found.get(key), kind)
    )
    if lacking:
        raise ImportError(
            f"{path} is damaged or of an earlier version (without {', '.join(lacking)}); "
            f"rebuild: {REBUILD}"
        )
    return found


def compiled_files(folder: Path, with_cuda: bool) -> list[Path]:
    """The source files below `folder` that are compiled, one of its folders after the other."""
    found = sorted(folder.glob("*/*.cc"))
    return found + sorted(folder.glob("*/*.cu")) if with_cuda else found


def of_library(path: Path) -> dict[str, Any]:
    """What the record keeps of the library itself: its size in bytes and its sha256."""
    return {"bytes": path.stat().st_size, "sha256": _sha256(path)}


def of_sources(paths: Iterable[Path], folder: Path) -> dict[str, str]:
    """What the record keeps of the sources: the sha256 of each, by its path below `folder`."""
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(paths)}


def check_library(path: Path, record: dict[str, Any]) -> None:
    """Compares size and sha256 of the library with its record.

    Raises:
        ImportError: they differ.
    """
    expected, size = record["library"], path.stat().st_size
    if size != expected.get("bytes"):
        difference = f"it has {size} bytes in place of {expected.get('bytes')}"
    elif _sha256(path) != expected.get("sha256"):
        difference = "its sha256 is another"
    else:
        return
    raise ImportError(
        f"{path} is damaged, or not the library of its record ({difference}); rebuild: {REBUILD}"
    )


def check_sources(folder: Path, record: dict[str, Any]) -> None:
    """Compares the sources below `folder` with those that the library was built from.

    An installed wheel has none, and nothing is compared. Contents count, not dates: a library may
    be copied from one checkout to another of the same sources. Reading all takes milliseconds.

    Raises:
        ImportError: a source has changed, is new or is gone.
    """
    compiled = compiled_files(folder, with_cuda=record.get("cuda") is not None)
    if not compiled:
        return
    built = record["sources"]
    names = {path.relative_to(folder).as_posix() for path in compiled} | set(built)
    found = of_sources((folder / name for name in names if (folder / name).is_file()), folder)
    stale = sorted(name for name in names if found.get(name) != built.get(name))
    if stale:
        others = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
        raise ImportError(
            f"The compiled ops were built from other sources than those in {folder}, where "
            f"{stale[0]}{others} changed since; rebuild: {REBUILD}"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
