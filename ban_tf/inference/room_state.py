"""What the blocks of a room have added up to so far, in memory and in a file to go on from."""

import dataclasses
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE
from ban_tf.instances import merging, voting, voxels

_FORMAT = 1  # of the file; one more whenever its contents change
_MAX_SHARE = 0.05  # of the time that writing states may take: those of large rooms take seconds
_Owner = merging.BlockMerging | voting.SemanticVotes | voting.InstanceVotes
_UNREADABLE = (ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclasses.dataclass(frozen=True)
class BlockOutputs:
    """What the network and the clustering say of one block.

    Args:
        probabilities: float32 `[P, C]`, soft-max of the logits.
        semantic: int64 `[P]`, class of the highest probability.
        clusters: int32 `[P]`, labels in [0, G), `NONE` for a point of no cluster.
        classes: int32 `[G]`, class of each cluster.
    """

    probabilities: np.ndarray
    semantic: np.ndarray
    clusters: np.ndarray
    classes: np.ndarray


class RoomState:
    """Merging and votes of one room, over its first blocks.

    Args:
        xyz: float64 `[N, 3]`, all points of the room, metres.
        experiment: classes, voxels and thresholds.
    """

    def __init__(self, xyz: np.ndarray, experiment: config.Experiment):
        num_classes = experiment.network.num_classes
        self._voxel, num_voxels = voxels.metric_voxels(xyz, experiment.inference.voxel_m)
        self._merging = merging.BlockMerging(num_voxels, num_classes, experiment.inference)
        self._semantic = voting.SemanticVotes(len(xyz), num_classes)
        self._instance = voting.InstanceVotes(len(xyz))
        self._num_blocks = 0
        self._whole = True

    @property
    def num_blocks(self) -> int:
        """How many blocks were added."""
        return self._num_blocks

    @property
    def is_whole(self) -> bool:
        """Whether every block was added to the end; an error within `add` leaves a torn state."""
        return self._whole

    def add(self, rows: np.ndarray, group: Sequence[BlockOutputs]) -> None:
        """Adds the next blocks.

        Args:
            rows: int `[K, P]`, the points that they show.
            group: K blocks.
        """
        self._whole = False
        for block_rows, block in zip(rows, group, strict=True):
            targets = self._merging.add(self._voxel[block_rows], block.clusters, block.classes)
            self._semantic.add(block_rows, block.probabilities)
            self._instance.add(block_rows, np.append(targets, NONE)[block.clusters])
        self._num_blocks += len(group)
        self._whole = True

    def state(self) -> dict[str, np.ndarray]:
        """All that `restore` needs; arrays are not copied."""
        arrays = {"num_blocks": np.array(self._num_blocks)}
        for part, owner in self._owners().items():
            arrays |= {f"{part}.{name}": array for name, array in owner.state().items()}
        return arrays

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to what `state` of the same room and experiment gave; keeps its arrays.

        Raises:
            KeyError: an array is missing.
            ValueError: arrays of another room.
        """
        parts: dict[str, dict[str, np.ndarray]] = {part: {} for part in self._owners()}
        for name, array in state.items():
            part, _, field = name.partition(".")
            if field:
                parts[part][field] = array
        for part, owner in self._owners().items():
            owner.restore(parts[part])
        self._num_blocks = int(state["num_blocks"])

    def _owners(self) -> dict[str, _Owner]:
        return {"merging": self._merging, "semantic": self._semantic, "instance": self._instance}

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """int32 `[N]` classes, float32 `[N]` confidences and int32 `[N]` instances of the points.

        Instances have gaps in their numbers; see `SemanticVotes` and `InstanceVotes` for ties.
        """
        semantic, confidence = self._semantic.result()
        return semantic, confidence, self._instance.result()


def fingerprint(
    cloud: Cloud, model: keras.Model, experiment: config.Experiment, plan: np.ndarray
) -> dict[str, str]:
    """Digests of everything that the state of a room depends on, by name.

    Args:
        cloud: its points and colours count, its name and labels do not.
        model: its weights count.
        experiment: everything but `blocks_in_flight`, which may be lowered between two runs.
        plan: int `[K, P]`, the points of the blocks.
    """
    return {
        "cloud": digest(cloud.xyz, *([] if cloud.rgb is None else [cloud.rgb])),
        "experiment": _settings(experiment),
        "network": digest(*model.get_weights()),
        "blocks": digest(plan),
    }


def origin(
    points: Sequence[np.ndarray],
    model: keras.Model,
    experiment: config.Experiment,
    mean_sizes: np.ndarray | None,
) -> str:
    """One digest of everything that the final labels of a room depend on.

    Args:
        points: what is segmented: coordinates and colours, or features.
        model: its weights count.
        experiment: as for `fingerprint`.
        mean_sizes: float64 `[C]`, of the size filter, or None.
    """
    parts = (
        digest(*points),
        digest(*model.get_weights()),
        _settings(experiment),
        digest(*([] if mean_sizes is None else [mean_sizes])),
    )
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]


def _settings(experiment: config.Experiment) -> str:
    thresholds = dataclasses.replace(
        experiment.inference, blocks_in_flight=config.InferenceConfig.blocks_in_flight
    )
    settings = config.to_json(dataclasses.replace(experiment, inference=thresholds))
    return hashlib.sha256(settings.encode()).hexdigest()


def digest(*arrays: np.ndarray) -> str:
    """SHA-256 of the arrays' types, shapes and values."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype} {array.shape};".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


class StateFile:
    """The file from which a stopped segmentation goes on.

    Args:
        path: of the file; need not exist, its folder is created.
        fingerprint: of the segmentation.
        every_s: seconds between two states; more where writing one takes long.

    Raises:
        OSError: the folder cannot be created.
    """

    def __init__(self, path: Path, fingerprint: dict[str, str], every_s: float):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._header = {"format": str(_FORMAT), **fingerprint}
        self._every_s = every_s
        self._last = time.monotonic()
        self._cost = 0.0

    def load(self, room: RoomState) -> None:
        """Takes `room`, without blocks so far, to where the file left it; without a file, nothing.

        Raises:
            ValueError: the file is damaged, or of another cloud, experiment or network.
        """
        if not self._path.exists():
            return
        way_out = "Delete it to begin anew, or name another file."
        try:
            with self._path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                others = [name for name in self._header if header.get(name) != self._header[name]]
                if not others:
                    room.restore({name: file[name] for name in file.files if name != "header"})
        except _UNREADABLE as error:
            raise ValueError(f"{self._path} is damaged ({error}). {way_out}") from error
        if others:
            raise ValueError(
                "`state_file` must be of the same cloud, experiment and network. Received: "
                f"{self._path}, of another {' and another '.join(others)}. {way_out}"
            )

    def save_if_due(self, room: RoomState) -> None:
        """Saves if the last time is long enough ago."""
        elapsed = time.monotonic() - self._last
        if elapsed >= self._every_s and self._cost <= _MAX_SHARE * elapsed:
            self.save(room)

    def save(self, room: RoomState) -> None:
        """Writes the state, whole or not at all, if it has blocks and is whole.

        Raises:
            OSError: a full disk, a missing right and so on; the message names the file.
        """
        if not room.is_whole or room.num_blocks == 0:
            return
        begin = time.monotonic()
        contents: dict[str, Any] = {"header": np.array(json.dumps(self._header)), **room.state()}
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        try:
            # Straight into the file: a copy in memory would double what a large room takes.
            with temporary.open("wb") as file:
                np.savez(file, **contents)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{self._path} cannot be written ({error.strerror}); an earlier state is intact. "
                "With space and rights restored the same call goes on from there.",
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        self._last = time.monotonic()
        self._cost = self._last - begin

    def delete(self) -> None:
        """Removes the file: the segmentation is finished."""
        self._path.unlink(missing_ok=True)
