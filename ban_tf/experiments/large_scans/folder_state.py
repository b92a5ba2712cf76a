"""The folder of a scan in tiles: where it lies, and what its content depends on."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds import conditioning
from ban_tf.experiments.trained import TrainedModel
from ban_tf.inference.key import Key

_FORMAT = 2  # of the folder
_HEADER = "header.json"


def folder_of(out: Path) -> Path:
    """Where what a run has so far is kept, beside the copy."""
    return out.with_name(f".{out.name}.tiles")


def key_of(
    path: Path,
    model: TrainedModel,
    options: conditioning.Options,
    heights: Sequence[float] | None,
) -> Key:
    """What the labels depend on; the scan by its size and time, as reading it takes long."""
    state = path.stat()
    known = [dataclasses.asdict(options), heights]
    words = [path.name, state.st_size, state.st_mtime_ns, *known]
    scan = hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()
    of_network = Key.of(np.zeros(0), model.predictor, model.experiment)
    return dataclasses.replace(of_network, cloud=scan)


def require_same(folder: Path, key: Key) -> None:
    """Refuses a folder that another run has left."""
    path = folder / _HEADER
    header = {"format": str(_FORMAT), **dataclasses.asdict(key)}
    if not path.exists():
        disk.write_whole(path, json.dumps(header))
        return
    there = json.loads(path.read_text())
    others = [name for name in header if there.get(name) != header[name]]
    if others:
        names = {"cloud": "scan or assumptions", "format": "version"}
        told = " and another ".join(names.get(name, name) for name in others)
        raise ValueError(
            f"{folder} was left by a run with another {told}. Delete it to begin anew, or name "
            "another file (`out`)."
        )
