"""What is known of points goes with them from tile to tile.

A point that blocks of several tiles show is *open* until the last of them is done. Its sums and
votes, and the instances that it was linked to, are written for the next tile that shows it; what
has been linked in all, and the last sample, go to the tile that comes next.
"""

import dataclasses

import numpy as np

from ban_tf import config
from ban_tf.inference.room_state import RoomState


def point_type(num_classes: int) -> np.dtype:
    """Of a point that was shown: its number in the cloud, summed probabilities, how often it was
    shown, and its first instance of each class."""
    many = (num_classes,)
    return np.dtype(
        [("point", "<i8"), ("sum", "<f4", many), ("count", "<i4"), ("instance", "<i4", many)]
    )


VOTE = np.dtype([("point", "<i8"), ("instance", "<i4"), ("count", "<i4")])
_GLOBAL = ("class_of", "num_rows", "pairs", "weights")  # of linking, whatever the points


@dataclasses.dataclass(frozen=True)
class Linked:
    """What has been linked so far.

    Args:
        arrays: of `linking.PointLinking.state`, those that are not of points.
        previous_xyz: float64 `[p, 3]`, points of the sample before, in the order of the cloud.
        previous_instance: int32 `[p]`, their instances.
    """

    arrays: dict[str, np.ndarray]
    previous_xyz: np.ndarray
    previous_instance: np.ndarray


def nothing(experiment: config.Experiment) -> Linked:
    """What has been linked before the first sample."""
    state = RoomState(np.zeros((0, 3)), experiment).state()
    arrays = {name: state[f"linking.{name}"] for name in _GLOBAL}
    return Linked(arrays, np.zeros((0, 3)), np.zeros(0, np.int32))


def enter(
    points: np.ndarray,
    xyz: np.ndarray,
    experiment: config.Experiment,
    linked: Linked,
    known: np.ndarray,
    votes: np.ndarray,
) -> RoomState:
    """The state of a tile before its first sample.

    Args:
        points: int64 `[N]`, ascending numbers of its points in the cloud.
        xyz: float64 `[N, 3]`.
        experiment: classes and thresholds.
        linked: by the tiles before.
        known: `point_type` `[n]`, points that earlier tiles showed.
        votes: `VOTE` `[v]`, theirs.

    Returns:
        Of N points, and behind them those of the last sample of the tile before, which no sample
        of this tile shows.
    """
    num_previous = len(linked.previous_xyz)
    room = RoomState(np.concatenate([xyz, linked.previous_xyz]), experiment)
    total, num_classes = len(xyz) + num_previous, experiment.labels.num_classes
    state = room.state()
    place = np.searchsorted(points, known["point"])
    state["linking.instance"].reshape(total, num_classes)[place] = known["instance"]
    state["semantic.sum"][place] = known["sum"]
    state["semantic.count"][place] = known["count"]
    keys = votes["instance"].astype(np.int64) * total + np.searchsorted(points, votes["point"])
    order = np.argsort(keys)
    state["instance.keys"] = keys[order]
    state["instance.counts"] = votes["count"][order].astype(np.int32)
    state |= {f"linking.{name}": array for name, array in linked.arrays.items()}
    state["linking.previous"] = np.arange(len(xyz), total, dtype=np.int64)
    state["linking.previous_instance"] = linked.previous_instance
    room.restore(state)
    return room


def leave(
    room: RoomState, points: np.ndarray, xyz: np.ndarray, before: Linked, num_classes: int
) -> tuple[Linked, np.ndarray, np.ndarray]:
    """What a tile leaves after its last sample.

    Args:
        room: of `enter`.
        points: int64 `[N]`, as for `enter`.
        xyz: float64 `[N, 3]`, as for `enter`.
        before: that was given to `enter`.
        num_classes: C.

    Returns:
        What has been linked, all N points as `point_type`, and their votes as `VOTE`.
    """
    state, count = room.state(), len(points)
    total = count + len(before.previous_xyz)
    known = np.empty(count, point_type(num_classes))
    known["point"] = points
    known["sum"], known["count"] = state["semantic.sum"][:count], state["semantic.count"][:count]
    known["instance"] = state["linking.instance"].reshape(total, num_classes)[:count]
    instance, place = np.divmod(state["instance.keys"], max(total, 1))
    votes = np.empty(len(place), VOTE)
    votes["point"], votes["instance"] = points[place], instance
    votes["count"] = state["instance.counts"]
    everywhere = np.concatenate([xyz, before.previous_xyz])
    linked = Linked(
        {name: state[f"linking.{name}"] for name in _GLOBAL},
        everywhere[state["linking.previous"]],
        state["linking.previous_instance"],
    )
    return linked, known, votes


def roots(linked: Linked, experiment: config.Experiment) -> np.ndarray:
    """int32 `[K]`: what each instance became in the end, as `PointLinking.roots`."""
    none = np.zeros(0, np.int64)
    empty = np.zeros(0, point_type(experiment.labels.num_classes))
    room = enter(none, np.zeros((0, 3)), experiment, linked, empty, np.zeros(0, VOTE))
    return room.roots()
