"""From what all tiles say of the points of a cloud to their labels, part by part."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ban_tf import config
from ban_tf.clouds.formats.on_disk import OnDisk
from ban_tf.config import NONE
from ban_tf.inference.chunks import Progress
from ban_tf.inference.results import Instance
from ban_tf.inference.room_state import mean_probability
from ban_tf.inference.tiles import carrying
from ban_tf.inference.tiles.progress_file import PART, TileFiles
from ban_tf.inference.tiles.sorting import SortedCloud
from ban_tf.instances import merging, voting

LABEL = np.dtype(
    [("semantic", "<i4"), ("instance", "<i4"), ("confidence", "<f4"), ("entropy", "<f4")]
)


@dataclasses.dataclass(frozen=True)
class TiledSegmentation:
    """Labels of every point of a cloud, on disk; as `results.Segmentation`.

    Args:
        labels: `LABEL` `[M]`, in the order of the points.
        instances: G items; item g describes the points whose `instance` is g.
    """

    labels: OnDisk
    instances: tuple[Instance, ...]


def finish(
    cloud: SortedCloud,
    linked: carrying.Linked,
    experiment: config.Experiment,
    mean_sizes: np.ndarray | None,
    progress: Progress | None = None,
) -> TiledSegmentation:
    """Works out the labels of a cloud whose tiles are all done.

    Args:
        cloud: on disk.
        linked: by all tiles.
        experiment: classes and thresholds.
        mean_sizes: as for `segmentation.segment`.
        progress: called with the number of points just passed, twice M in all.
    """
    return _Labelling(cloud, linked, experiment).run(mean_sizes, progress or (lambda _: None))


class _Labelling:
    def __init__(
        self, cloud: SortedCloud, linked: carrying.Linked, experiment: config.Experiment
    ) -> None:
        self._cloud, self._experiment = cloud, experiment
        self._files = TileFiles(cloud.folder, experiment)
        self._roots = carrying.roots(linked, experiment)
        self._num_classes = experiment.labels.num_classes

    def run(self, mean_sizes: np.ndarray | None, progress: Progress) -> TiledSegmentation:
        first = _fresh(self._cloud.folder / "first.labels")
        counts = np.zeros((len(self._roots), self._num_classes), np.int64)
        for start, votes in self._parts():
            labels = self._first_labels(start, votes)
            first.append(labels)
            of_one = labels[labels["instance"] != NONE]
            cell = of_one["instance"].astype(np.int64) * self._num_classes + of_one["semantic"]
            counts += np.bincount(cell, minlength=counts.size).reshape(counts.shape)
            progress(len(labels))
        numbers = merging.numbers_of_kept(
            counts, self._experiment.labels.stuff_classes, mean_sizes, self._experiment.inference
        )
        kept = counts[numbers != NONE]
        labels_file = _fresh(self._cloud.folder / "all.labels")
        classes, total = kept.argmax(axis=1), np.zeros(len(kept))
        for start, votes in self._parts():
            labels = first[start : start + PART]
            labels["instance"] = np.append(numbers, NONE)[labels["instance"]]
            points = np.flatnonzero(labels["instance"] != NONE)
            own = labels["instance"][points]
            values = mean_probability(votes, points, classes[own])
            total += np.bincount(own, values, len(kept))
            labels_file.append(labels)
            progress(len(labels))
        first.path.unlink()
        sizes = kept.sum(axis=1)
        rows = zip(classes.tolist(), (total / sizes).tolist(), sizes.tolist(), strict=True)
        return TiledSegmentation(labels_file, tuple(Instance(*row) for row in rows))

    def _parts(self) -> Iterator[tuple[int, voting.SemanticVotes]]:
        """The first point, and the probabilities of all points, of each part in turn."""
        for start in range(0, self._cloud.num_points, PART):
            count = min(PART, self._cloud.num_points - start)
            known = self._files.finished_points(start // PART)[0][:]
            votes = voting.SemanticVotes(count, self._num_classes)
            place = known["point"] - start
            state = votes.state()
            state["sum"][place], state["count"][place] = known["sum"], known["count"]
            yield start, votes

    def _first_labels(self, start: int, semantic: voting.SemanticVotes) -> np.ndarray:
        """`LABEL` of the points of a part, with gaps in the numbers of instances."""
        count = len(semantic.state()["count"])
        votes = self._files.finished_points(start // PART)[1][:]
        instance = voting.InstanceVotes(count)
        keys = votes["instance"].astype(np.int64) * count + (votes["point"] - start)
        order = np.argsort(keys)
        instance.restore({"keys": keys[order], "counts": votes["count"][order].astype(np.int32)})
        labels = np.empty(count, LABEL)
        labels["semantic"], labels["confidence"] = semantic.result()
        labels["entropy"] = semantic.entropy()
        labels["instance"] = instance.result(self._roots)
        return labels


def _fresh(path: Path) -> OnDisk:
    path.unlink(missing_ok=True)
    return OnDisk(path, LABEL)
