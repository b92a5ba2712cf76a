"""What several runs of one setting gave: mean and spread of a score. The one home of both."""

import dataclasses
import math
import statistics
from collections.abc import Sequence

from ban_tf.metrics import cells


@dataclasses.dataclass(frozen=True)
class Spread:
    """A score over runs of one setting, in the unit of the score.

    Attributes:
        mean: over the runs; NaN if the score is undefined for one of them.
        deviation: sample standard deviation, divisor one less than the runs; NaN without a mean,
            or of fewer runs than were asked for.
        num_runs: at least 1.
    """

    mean: float
    deviation: float
    num_runs: int

    def cell(self) -> str:
        """Mean and spread as the text of a cell, of a score in percent.

        Example:
            >>> of([50.0, 52.0]).cell(), of([50.0]).cell(), of([math.nan, 1.0]).cell()
            ('51.0 ± 1.4', '50.0', '-')
        """
        mean = cells.percent(self.mean)
        known = not math.isnan(self.deviation)
        return f"{mean} ± {cells.percent(self.deviation)}" if known else mean


def of(values: Sequence[float], at_least: int = 2) -> Spread:
    """The mean of the runs, and their spread if they are enough.

    Args:
        values: a score of each run, at least one.
        at_least: so many runs have a spread; two is the least that can have one.

    Example:
        >>> of([1.0, 2.0, 3.0])
        Spread(mean=2.0, deviation=1.0, num_runs=3)
    """
    if any(map(math.isnan, values)):
        return Spread(math.nan, math.nan, len(values))
    known = len(values) >= max(at_least, 2)
    deviation = statistics.stdev(values) if known else math.nan
    return Spread(statistics.fmean(values), deviation, len(values))
