"""What SGPN's released code does otherwise, to be held against literal readings of it."""

import contextlib

import numpy as np
import pytest

from ban_tf.config import NONE
from ban_tf.instances import group_merging, group_thresholds


class ReleasedThresholds(group_thresholds.GroupThresholds):
    """Thresholds with the released code's choice of an edge; see `GroupThresholds`."""

    def _choose(self, inside, others):
        low, high = inside.min(axis=1), inside.max(axis=1)
        flat = low == high
        low, high = np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high)
        edges = np.linspace(low, high, self._config.num_bins + 1, axis=1, dtype=inside.dtype)
        true = group_thresholds.shares_below(edges, inside)
        false = group_thresholds.shares_below(edges, others)
        usable = true > self._config.min_true_share
        usable &= ~np.logical_or.accumulate(edges == 0, axis=1)
        ratio = np.where(usable, np.inf, 0.0)
        np.divide(true, false, out=ratio, where=usable & (false > 0))
        best = ratio.argmax(axis=1)[:, None]
        gain = np.take_along_axis(ratio, best, axis=1)[:, 0]
        accepted = (gain > self._config.min_gain) & np.isfinite(gain)
        return np.take_along_axis(edges, best, axis=1)[accepted, 0]


@contextlib.contextmanager
def released_numbers():
    """Inside, groups are numbered as the released code does.

    It takes for granted that some point has no group: if every point has one, the first group is
    lost, and its points join others where they are similar to them.
    """
    ours = group_merging._renumber

    def renumber(labels, classes, min_points):
        groups = ours(labels, classes, min_points)
        if len(labels) and NONE not in groups.labels:
            return group_merging.Groups(groups.labels - np.int32(1), groups.classes[1:])
        return groups

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_merging, "_renumber", renumber)
        yield


def merge_groups(*arguments, legacy):
    """`group_merging.merge_groups`, or what the released code makes of the same."""
    with released_numbers() if legacy else contextlib.nullcontext():
        return group_merging.merge_groups(*arguments)


def thresholds(num_classes, legacy):
    """`GroupThresholds`, or the released code's."""
    return (ReleasedThresholds if legacy else group_thresholds.GroupThresholds)(num_classes)
