"""What is known of a scan that is labelled, kept until the tables of all scans are written.

A call for many scans may be stopped; the next one passes over those whose copies are there, and
its tables have them all the same. A record lies beside its copy, `.<copy>.table`.
"""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import disk
from ban_tf.experiments import instance_boxes
from ban_tf.experiments.scan_reports import Labelled

_FORMAT = 1


def path_of(out: Path) -> Path:
    """Where the record of a scan lies, by its copy."""
    return out.with_name(f".{out.name}.table")


def write(done: Labelled, key: str) -> None:
    """Keeps what tables need of a scan.

    Args:
        done: the scan.
        key: of what its labels and scores depend on.
    """
    counts = None if done.counts is None else done.counts.tolist()
    document = {
        "format": _FORMAT,
        "path": str(done.path),
        "key": key,
        "num_points": done.num_points,
        "metres": done.metres,
        "turn": done.turn.tolist(),
        "assumptions": list(done.assumptions),
        "rows": [dataclasses.asdict(row) for row in done.rows],
        "counts": counts,
    }
    disk.write_whole(path_of(done.out), json.dumps(document))


def read(path: Path, out: Path, key: str, needs_counts: bool) -> Labelled:
    """What is known of a scan whose copy is there.

    Args:
        path: of the scan.
        out: its copy.
        key: as for `write`.
        needs_counts: whether its labels are to be scored.

    Raises:
        ValueError: nothing is, or not enough: another command made the copy, or the same one with
            another network, of another version of the scan, or with other assumptions.
    """
    try:
        document = json.loads(path_of(out).read_text(encoding="utf-8"))
        found = _of_document(document, path, out) if document["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    if found is None or (needs_counts and found.counts is None):
        raise ValueError(
            f"the tables would lack {path}: its copy {out} was made by another command, with "
            "another network, or of another version of the scan. Leave out the scans that are "
            "done, or replace their copies (`overwrite`)."
        )
    return found


def _of_document(document: dict[str, Any], path: Path, out: Path) -> Labelled | None:
    if document["format"] != _FORMAT or document["path"] != str(path):
        return None
    counts = document["counts"]
    return Labelled(
        path,
        out,
        document["num_points"],
        document["metres"],
        np.array(document["turn"]),
        tuple(document["assumptions"]),
        [instance_boxes.of_dict(row) for row in document["rows"]],
        counts=None if counts is None else np.array(counts, np.int64).reshape(-1, 5),
    )


def clear(copies: Iterable[Path]) -> None:
    """Deletes the records of some copies."""
    for out in copies:
        path_of(out).unlink(missing_ok=True)
