"""Mean shift: embeddings of blocks in, a label for every point and the clusters' centres out."""

from typing import Any

from tf_ops import checks, library

MAX_WIDTH = 16


def mean_shift(
    embedding: Any, bandwidth: float, bin_seeding: bool = True, max_iterations: int = 300
) -> tuple[Any, Any, Any]:
    """Clusters the points of every block around the modes of their density.

    The method of scikit-learn's `MeanShift(bandwidth, bin_seeding=..., max_iter=...)`: balls of
    radius `bandwidth` start at the seeds and move to the mean of the points in them until they
    move by at most `bandwidth / 1000`; of the balls that end closer than `bandwidth` to each
    other only the one with the most points stays (of equals, the one with the larger
    coordinates), and a point belongs to the nearest that stays. Label 0 is the densest cluster.

    The native kernel on the CPU gives what scikit-learn 1.9 gives for each block alone, labels
    exactly and centres to the last bit, whatever the number of threads. The other kernels give
    the same partition unless that hangs on how a tie is rounded. Where scikit-learn gives up
    because no cell's centre has a point within `bandwidth` (cells are wider than balls from
    E = 5 on), the points are the seeds. There is no gradient.

    Args:
        embedding: float32 `[B, N, E]`, E in [1, 16], finite. Blocks do not influence each other.
        bandwidth: radius of the ball, in units of the embedding, > 0. A float64 is used as it is,
            not rounded to float32.
        bin_seeding: seeds are the centres of the occupied cells of a grid of side `bandwidth`;
            otherwise, or if every point has a cell of its own, the points. Fewer seeds are
            faster, and a mode that no cell leads to is not found.
        max_iterations: upper bound on the moves of a ball, >= 0; as in scikit-learn, one more may
            occur.

    Returns:
        labels: int32 `[B, N]` in [0, num_clusters of the block); -1 in a block that a GPU could
            not cluster.
        centres: float32 `[B, Kmax, E]`, NaN after the clusters of a block. Kmax is the largest
            number of clusters in the batch with the native kernel on the CPU. On a GPU and with
            the stock kernel it is N, because there the shape must not depend on values.
        num_clusters: int32 `[B]`, 0 for a block without points; -1 for one that a GPU could not
            cluster.

    Raises:
        TypeError: `embedding` is not float32, `bandwidth` no number or `max_iterations` no whole
            one.
        ValueError: `embedding` is not `[B, N, E]` with E in [1, 16]; or `bandwidth` is not a
            positive float32 number, or `max_iterations` is negative.
        tf.errors.InvalidArgumentError: an embedding that is not finite, or whose sums leave the
            range of float32 (the block is named); or a `bandwidth` that is lost in the rounding
            of the means. On the CPU only: a kernel on a GPU cannot raise without being waited
            for and marks the block with -1 instead, and the stock kernels do not look at values.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> embedding = np.array([[[0, 0], [0.5, 0], [5, 5], [0.25, 0], [5, 6]]], "float32")
        >>> labels, centres, num_clusters = tf_ops.mean_shift(embedding, bandwidth=2.0)
        >>> np.asarray(labels).tolist(), np.asarray(num_clusters).tolist()
        ([[0, 0, 1, 0, 1]], [2])
        >>> np.asarray(centres)[0, :2].tolist()
        [[0.25, 0.0], [5.0, 5.5]]

    Reference: D. Comaniciu and P. Meer, "Mean shift: a robust approach toward feature space
    analysis", PAMI 2002; used on embeddings as in the code of ASIS, JSNet and BAN.
    """
    checks.check_float32("embedding", embedding)
    checks.check_shape("embedding", embedding, "[B, N, E]", None, None, None)
    width = checks.known_size(embedding, 2)
    if width is not None and not 1 <= width <= MAX_WIDTH:
        raise ValueError(
            f"`embedding` [B, N, E] must have E in [1, {MAX_WIDTH}]. Received: E={width}"
        )
    checks.check_positive_float32("bandwidth", bandwidth)
    checks.check_whole("max_iterations", max_iterations)
    if max_iterations < 0:
        raise ValueError(
            f"`max_iterations` must be >= 0. Received: max_iterations={max_iterations}"
        )
    return library.kernels("clustering").mean_shift(
        embedding, float(bandwidth), bin_seeding, max_iterations
    )
