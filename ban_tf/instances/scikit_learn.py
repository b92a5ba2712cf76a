"""Mean shift as the originals call it; a module of its own, so that workers load nothing else."""

import warnings

import numpy as np
from sklearn.cluster import MeanShift

from ban_tf.config import InferenceConfig


def mean_shift(embedding: np.ndarray, config: InferenceConfig) -> np.ndarray:
    """Labels of one block.

    Args:
        embedding: float32 `[P, E]`, at least one point, all finite.
        config: bandwidth and seeding.

    Returns:
        int32 `[P]` labels in [0, G), 0 for the densest mode.

    Example:
        >>> mean_shift(np.array([[9.0], [0.0], [0.1]], np.float32), InferenceConfig()).tolist()
        [1, 0, 0]
    """
    estimator = MeanShift(bandwidth=config.bandwidth, bin_seeding=config.bin_seeding)
    with warnings.catch_warnings():
        # With as many cells as points scikit-learn says that it seeds with the points instead:
        # what is wanted, and certain for a block of one point.
        warnings.filterwarnings("ignore", "Binning data failed", UserWarning)
        try:
            labels = estimator.fit(embedding).labels_
        except ValueError:
            # A cell's corner is further from its centre than the bandwidth (E > 4), so if all
            # points lie in corners no seed has a point. The points themselves always do.
            if not config.bin_seeding:
                raise
            labels = estimator.set_params(bin_seeding=False).fit(embedding).labels_
    return labels.astype(np.int32)
