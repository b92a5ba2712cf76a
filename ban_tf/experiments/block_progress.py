"""The progress of an evaluation, counted in samples: rooms of one data set differ tenfold."""

import math
from collections.abc import Sequence
from typing import Self

from ban_tf import config
from ban_tf.data.store import StoredCloud
from ban_tf.progress import Bar

_LINES_OF_SHAPES = 10


class BlockProgress:
    """A bar over the samples of some clouds; where there is no terminal, a line per cloud.

    Shapes are many and small: of these a line comes after each tenth of them.

    How many blocks cover a cloud is known once it is cut: until then it is estimated.

    Args:
        clouds: what is evaluated, in any order.
        samples: how they become samples.
        protocol: `legacy` evaluates the samples that were drawn, `covering` all points.

    Example:
        >>> with BlockProgress((), config.Blocks(), "covering") as progress:
        ...     progress.add(0)
    """

    def __init__(
        self, clouds: Sequence[StoredCloud], samples: config.Sampling, protocol: config.Protocol
    ) -> None:
        self._expected = {cloud.name: expected(cloud, samples, protocol) for cloud in clouds}
        unit = "block" if isinstance(samples, config.Blocks) else "shape"
        self._every = 1 if unit == "block" else math.ceil(len(clouds) / _LINES_OF_SHAPES)
        self._bar = Bar(sum(self._expected.values()), "evaluating", unit=unit)
        self._num_done = 0  # clouds
        self._num_added = 0  # samples of the cloud that it is in
        self._is_waiting = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def begin(self, cloud: StoredCloud) -> None:
        """Tells which cloud is next; the first makes the network start, which takes a while."""
        self._num_added = 0
        self._title = f"evaluating {cloud.name}"
        if self._num_done == 0:
            self._is_waiting = True
            self._bar.wait("starting the network")
        else:
            self._bar.set_title(self._title)

    def add(self, count: int) -> None:
        """Counts samples of the cloud that were just done."""
        if self._is_waiting:
            self._is_waiting = False
            self._bar.resume(self._title)
        self._num_added += count
        self._bar.update(count)

    def end(self, cloud: StoredCloud) -> None:
        """The cloud is done; one of an earlier call is so without a sample."""
        self._num_done += 1
        self._expected[cloud.name] = self._num_added
        self._bar.set_total(sum(self._expected.values()))
        if self._num_done % self._every == 0 or self._num_done == len(self._expected):
            count = f"{self._num_done} of {len(self._expected)} clouds"
            self._bar.stage(f"evaluated {cloud.name}, {count}")


def expected(cloud: StoredCloud, samples: config.Sampling, protocol: config.Protocol) -> int:
    """About how many samples of a cloud are evaluated; exact under `legacy`, and for shapes.

    Args:
        cloud: of a store.
        samples: how it becomes samples.
        protocol: which of its points are evaluated.
    """
    if protocol == "legacy" or not isinstance(samples, config.Blocks):
        return cloud.num_samples
    times_seen = (samples.size_m / samples.stride_m) ** 2
    num_points = int(cloud.instances[:, 1].clip(min=0).sum())
    return max(cloud.num_samples, math.ceil(times_seen * num_points / samples.num_points))
