"""How far the tiles of a cloud are done: one file, and the others as long as it says."""

import json
from pathlib import Path

import numpy as np

from ban_tf import config, disk
from ban_tf.clouds.formats.on_disk import OnDisk
from ban_tf.inference.tiles import carrying

_NAME = "linked.npz"
# Cloud points of which the labels are worked out together; the same steps as those of `results`,
# so that sums have the same parts.
PART = 1 << 20


class TileFiles:
    """The files between tiles: what open points carry, and what is known of finished ones.

    After each tile `save` notes the length of all of them; whatever a process that was killed
    wrote behind that is cut off by `load`.

    Args:
        folder: of the files.
        experiment: tells the classes.
    """

    def __init__(self, folder: Path, experiment: config.Experiment) -> None:
        self._folder = folder
        self._experiment = experiment
        self._point = carrying.point_type(experiment.labels.num_classes)

    def open_points(self, tile: int) -> tuple[OnDisk, OnDisk]:
        """Points that earlier tiles showed of a tile, and their votes."""
        return self._pair(f"open_{tile}")

    def finished_points(self, part: int) -> tuple[OnDisk, OnDisk]:
        """Points from `PART * part` on of which all is known, and their votes."""
        return self._pair(f"done_{part}")

    def _pair(self, name: str) -> tuple[OnDisk, OnDisk]:
        return (
            OnDisk(self._folder / f"{name}.points", self._point),
            OnDisk(self._folder / f"{name}.votes", carrying.VOTE),
        )

    def _all(self) -> list[Path]:
        return sorted([*self._folder.glob("open_*"), *self._folder.glob("done_*")])

    def load(self) -> tuple[int, carrying.Linked]:
        """The number of tiles that are done, and what they linked."""
        path = self._folder / _NAME
        lengths: dict[str, int] = {}
        num_done, linked = 0, carrying.nothing(self._experiment)
        if path.exists():
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(str(arrays.pop("header")))
            num_done, lengths = header["tiles"], header["lengths"]
            xyz, instance = arrays.pop("previous_xyz"), arrays.pop("previous_instance")
            linked = carrying.Linked(arrays, xyz, instance)
        for path in self._all():
            if path.name in lengths:
                OnDisk(path, np.dtype("u1")).truncate(lengths[path.name])
            else:
                path.unlink()
        return num_done, linked

    def save(self, num_done: int, linked: carrying.Linked) -> None:
        """Notes that so many tiles are done."""
        lengths = {path.name: path.stat().st_size for path in self._all()}
        header = json.dumps({"tiles": num_done, "lengths": lengths})
        with (
            disk.whole(self._folder / _NAME) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(
                file,
                header=np.array(header),
                previous_xyz=linked.previous_xyz,
                previous_instance=linked.previous_instance,
                **linked.arrays,  # type: ignore[arg-type]
            )
