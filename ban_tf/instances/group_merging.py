"""From SGPN's similarities to the groups of a block (GroupMerging).

Wang et al., "SGPN: Similarity Group Proposal Network for 3D Point Cloud Instance Segmentation",
2018, section 4.4, in the reading of the released code. Every confident point proposes the points
of its class that are similar to it; proposals that overlap much become one.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ban_tf.clouds import overlap
from ban_tf.config import NONE, GroupMergingConfig
from ban_tf.instances.similarity import Similarity, chunks, similarity_of

_BITS = np.unpackbits(np.arange(1 << 16, dtype=np.uint16).view(np.uint8)).reshape(-1, 16).sum(1)
_BITS = _BITS.astype(np.uint8)  # number of ones of every 16-bit word


@dataclasses.dataclass(frozen=True)
class Groups:
    """The groups of one block of N points.

    Args:
        labels: int32 `[N]`, in [0, G), `NONE` for a point of no group.
        classes: int32 `[G]`, the class that each group was proposed in.

    Example:
        >>> groups = Groups(labels=np.array([0, 0, -1]), classes=np.array([4]))
        >>> groups.classes[groups.labels[0]].item()
        4
    """

    labels: np.ndarray
    classes: np.ndarray


def merge_groups(
    similarity: Similarity | np.ndarray,
    confidence: np.ndarray,
    semantic: np.ndarray,
    thresholds: np.ndarray,
    config: GroupMergingConfig | None = None,
) -> Groups:
    """Groups the points of one block.

    For each predicted class, points with more than `min_confidence` propose, in order, the points
    of the class whose similarity to them is below the class's threshold. A proposal of fewer than
    `min_proposal_points` is dropped; one that overlaps an earlier one by more than `merge_iou`, or
    lies in it with more than `merge_share`, replaces it if it is larger and is dropped otherwise;
    any other is a new one. A class without proposals proposes all its points. Proposals with more
    than `min_group_points` become groups, in order, later ones taking the points of earlier ones;
    groups left with fewer are dissolved and the others numbered in order. At last every point
    without a group, in order, joins the group most frequent among the points similar to it (of
    any class, those that joined before included), ties to the smallest.

    The number of groups is not limited. Beside `similarity` a few megabytes are needed for
    N = 4096, and more only if thousands of proposals differ.

    Args:
        similarity: `FeatureSimilarity` or float `[N, N]`; small means the same group. Values are
            compared with the threshold in their own precision.
        confidence: float `[N]`, in [0, 1].
        semantic: int `[N]`, predicted classes in [0, C).
        thresholds: float `[C]`, as `group_thresholds.GroupThresholds` estimates them.
        config: the numbers; None takes those of the released code.

    Returns:
        The groups of the block.

    Raises:
        TypeError: classes that are not whole numbers, similarities that are not floats.
        ValueError: arrays of different lengths, a class out of range, a value that is not finite.

    Example:
        >>> from ban_tf.instances.similarity import FeatureSimilarity
        >>> place = np.array([[0.0], [0.1], [5.0], [5.1]])  # of the features: two pairs
        >>> config = GroupMergingConfig(min_proposal_points=1, min_group_points=1)
        >>> groups = merge_groups(
        ...     FeatureSimilarity(place), np.ones(4), np.zeros(4, int), np.array([2.0]), config
        ... )
        >>> groups.labels.tolist(), groups.classes.tolist()
        ([0, 0, 1, 1], [0, 0])
    """
    config = config or GroupMergingConfig()
    similarity = similarity_of(similarity)
    thresholds = np.asarray(thresholds, np.float64)
    semantic = overlap.check_labels("semantic", semantic, len(thresholds), none=False)
    confidence = np.asarray(confidence)
    _check_values(similarity, confidence, semantic, thresholds)
    labels = np.full(len(semantic), NONE, np.int32)
    classes: list[int] = []
    for number in np.unique(semantic).tolist():
        members = np.flatnonzero(semantic == number)
        seeds = members[confidence[members] > config.min_confidence]
        proposals = _propose(similarity, seeds, members, thresholds[number], config)
        for proposal in proposals.unpack():
            if np.count_nonzero(proposal) > config.min_group_points:
                labels[members[proposal]] = len(classes)
                classes.append(number)
    groups = _renumber(labels, np.array(classes, np.int32), config.min_group_points)
    _adopt(groups.labels, similarity, thresholds[semantic])
    return groups


def _check_values(
    similarity: Similarity, confidence: np.ndarray, semantic: np.ndarray, thresholds: np.ndarray
) -> None:
    num_points = len(similarity)
    if confidence.shape != (num_points,) or semantic.shape != (num_points,):
        raise ValueError(
            "`similarity`, `confidence` and `semantic` must be of the same points. Received: "
            f"{num_points} points, confidence.shape={confidence.shape}, "
            f"semantic.shape={semantic.shape}"
        )
    for name, values in (("confidence", confidence), ("thresholds", thresholds)):
        if not np.isfinite(values).all():
            raise ValueError(
                f"`{name}` must be finite. Received: {name}="
                f"{values[~np.isfinite(values)][0]} at {int(np.argmin(np.isfinite(values)))}"
            )


class _Proposals:
    """Sets of the `M` points of a class, as bits in 16-bit words; grows as needed."""

    def __init__(self, num_points: int) -> None:
        self._num_points = num_points
        self._words = np.zeros((16, -(-num_points // 16)), np.uint16)
        self._sizes = np.zeros(16, np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: np.ndarray, config: GroupMergingConfig) -> None:
        """Adds bool `[R, M]` proposals one after the other, merging them as they come."""
        sizes = np.count_nonzero(rows, axis=1)
        packed = self._pack(rows)
        for new, size in zip(packed, sizes.tolist(), strict=True):
            if size >= config.min_proposal_points:
                self._merge(new, size, config)

    def _merge(self, new: np.ndarray, size: int, config: GroupMergingConfig) -> None:
        sizes = self._sizes[: self._count]
        common = _BITS[self._words[: self._count] & new].sum(axis=1, dtype=np.int64)
        same = common / (sizes + size - common) > config.merge_iou
        same |= common / size > config.merge_share
        if not same.any():
            self._append(new, size)
            return
        smaller = np.flatnonzero(same & (sizes < size))
        self._words[smaller] = new
        self._sizes[smaller] = size

    def _append(self, new: np.ndarray, size: int) -> None:
        if self._count == len(self._sizes):
            self._words = np.concatenate([self._words, np.zeros_like(self._words)])
            self._sizes = np.concatenate([self._sizes, np.zeros_like(self._sizes)])
        self._words[self._count] = new
        self._sizes[self._count] = size
        self._count += 1

    def _pack(self, rows: np.ndarray) -> np.ndarray:
        packed = np.zeros((len(rows), 2 * self._words.shape[1]), np.uint8)
        bits = np.packbits(rows, axis=1)
        packed[:, : bits.shape[1]] = bits
        return packed.view(np.uint16)

    def unpack(self) -> Iterator[np.ndarray]:
        """Yields the sets as bool `[M]`, in order."""
        for words in self._words[: self._count]:
            yield np.unpackbits(words.view(np.uint8), count=self._num_points).view(bool)


def _propose(
    similarity: Similarity,
    seeds: np.ndarray,
    members: np.ndarray,
    threshold: float,
    config: GroupMergingConfig,
) -> _Proposals:
    """The proposals of one class; all its points where there would be none."""
    proposals = _Proposals(len(members))
    for _, rows in chunks(similarity, seeds, members):
        proposals.add(rows < rows.dtype.type(threshold), config)
    if len(proposals) == 0:
        whole = np.ones((1, len(members)), bool)
        proposals.add(whole, dataclasses.replace(config, min_proposal_points=1))
    return proposals


def _renumber(labels: np.ndarray, classes: np.ndarray, min_points: int) -> Groups:
    """Dissolves groups below `min_points` and numbers the others from 0."""
    kept = np.bincount(labels[labels != NONE], minlength=len(classes)) >= min_points
    numbers = np.where(kept, np.cumsum(kept) - 1, NONE)
    labels = np.append(numbers, NONE)[labels].astype(np.int32)
    return Groups(labels, classes[kept])


def _adopt(labels: np.ndarray, similarity: Similarity, threshold: np.ndarray) -> None:
    """Gives points without group the most frequent one among the points similar to them."""
    if (labels == NONE).all():
        return
    everyone = np.arange(len(labels))
    for part, rows in chunks(similarity, np.flatnonzero(labels == NONE), everyone):
        near = rows < threshold[part].astype(rows.dtype)[:, None]
        for point, similar in zip(part, near, strict=True):
            votes = labels[similar]
            votes = votes[votes != NONE]
            if len(votes):
                labels[point] = np.bincount(votes).argmax()
