"""Mean shift written in `keras.ops` only, for tests, export and other Keras backends."""

from typing import Any

from keras import ops

# Rows handled side by side: a step holds a few arrays of CHUNK x N values.
CHUNK = 32


def mean_shift(
    embedding: Any, bandwidth: float, bin_seeding: bool, max_iterations: int
) -> tuple[Any, Any, Any]:
    """As `clustering.mean_shift`, with Kmax = N; one block after the other."""
    embedding = ops.stop_gradient(ops.convert_to_tensor(embedding, "float32"))
    if 0 in embedding.shape:  # nothing to cluster, and ops.map wants a first block to look at
        none = ops.zeros(ops.shape(embedding)[:1], "int32")
        return ops.zeros(ops.shape(embedding)[:2], "int32"), ops.copy(embedding), none
    return ops.map(
        lambda points: cluster_block(points, bandwidth, bin_seeding, max_iterations)[:3], embedding
    )


def cluster_block(
    points: Any, bandwidth: float, bin_seeding: bool, max_iterations: int
) -> tuple[Any, Any, Any, Any]:
    """Clusters the points of one block, as `clustering.mean_shift`; tells the moves as well.

    Args:
        points: float32 `[N, E]`, N at least 1.
        bandwidth: as there.
        bin_seeding: as there.
        max_iterations: as there.

    Returns:
        int32 `[N]` labels, float32 `[N, E]` centres, and two int32 scalars: the number of
        clusters, and the moves of the ball that moved longest, `max_iterations + 1` where that
        bound ended it.
    """

    def climb(seeds: Any, is_seed: Any) -> tuple[Any, Any, Any]:
        return _climb(points, seeds, is_seed, bandwidth, max_iterations)

    everywhere = ops.ones_like(points[:, 0], dtype="bool")
    if not bin_seeding:
        ends, counts, moves = climb(points, everywhere)
    else:
        ends, counts, moves = climb(*_bin_seeds(points, bandwidth))
        is_lost = ops.logical_not(ops.any(counts > 0))
        own_ends, own_counts, own_moves = climb(points, ops.logical_and(everywhere, is_lost))
        ends = ops.where(is_lost, own_ends, ends)
        counts = ops.where(is_lost, own_counts, counts)
        moves = ops.maximum(moves, own_moves)
    # Of seeds with the same end, the last one's count holds. What has not climbed has no end, even
    # where its row is the same.
    keys = ops.concatenate([ends, ops.cast(counts > 0, "float32")[:, None]], axis=1)
    last = ops.shape(ends)[0] - 1 - ops.flip(_first_equal(ops.flip(keys, axis=0)), axis=0)
    counts = ops.where(counts > 0, ops.take(counts, last), 0)
    return (*_choose_and_label(points, ends, counts, bandwidth), moves)


def _bin_seeds(points: Any, bandwidth: float) -> tuple[Any, Any]:
    """Seeds `[N, E]`, those in use first, and `[N]` whether a seed is in use."""
    cells = ops.round(points / bandwidth)
    numbers = ops.arange(ops.shape(points)[0], dtype="int32")
    is_first = ops.equal(_first_equal(cells), numbers)
    # The keys differ, so the order does not hang on whether the sort is stable.
    order = ops.argsort(ops.where(is_first, numbers, numbers + ops.shape(points)[0]))
    seeds = ops.where(ops.all(is_first), points, cells * bandwidth)
    return ops.take(seeds, order, axis=0), ops.take(is_first, order)


def _first_equal(rows: Any) -> Any:
    """For every row of `[N, E]`, the number of the first row equal to it; int32 `[N]`."""
    num_rows, width = ops.shape(rows)
    order = ops.arange(num_rows, dtype="int32")
    for column in reversed(range(width)):  # sorts are stable, so rows end up in lexical order
        order = ops.take(order, ops.argsort(ops.take(rows[:, column], order)))
    ordered = ops.take(rows, order, axis=0)
    is_new = ops.any(ordered != ops.roll(ordered, 1, axis=0), axis=1)
    # Where all rows are equal no group begins, and all are of group 0.
    group = ops.cumsum(ops.cast(is_new, "int32"))
    group = group - group[:1]
    # Equal rows stand in the order of their numbers: the first of a group is its least.
    first = ops.take(-ops.segment_max(-order, group, num_rows), group)
    return ops.take(first, ops.argsort(order))


def _climb(
    points: Any, seeds: Any, is_seed: Any, bandwidth: float, max_iterations: int
) -> tuple[Any, Any, Any]:
    """Moves the seeds in use; returns their ends `[N, E]`, int32 counts `[N]`, and most moves.

    What is no seed has a count of 0.
    """
    axes = [points[:, axis] for axis in range(points.shape[1])]  # each in one piece

    def of_chunk(chunk: tuple[Any, Any]) -> tuple[Any, Any, Any]:
        start, is_climbing = chunk

        def step(iteration: Any, centre: Any, count: Any, is_climbing: Any) -> tuple[Any, ...]:
            mean, found = _ball_means(axes, centre, bandwidth)
            is_moved = ops.logical_and(is_climbing, found > 0)
            distance = ops.sqrt(ops.sum(ops.square(mean - centre), axis=1))
            goes_on = ops.logical_and(distance > 1e-3 * bandwidth, iteration < max_iterations)
            return (
                iteration + 1,
                ops.where(is_moved[:, None], mean, centre),
                ops.where(is_climbing, found, count),
                ops.logical_and(is_moved, goes_on),
            )

        count = ops.zeros_like(start[:, 0], dtype="int32")
        iteration = ops.zeros((), "int32")
        state = (iteration, start, count, is_climbing)
        state = ops.while_loop(lambda *state: ops.any(state[3]), step, state)
        return state[1], state[2], state[0]

    num_points = ops.shape(points)[0]
    in_use = _in_chunks(ops.cast(is_seed, "int32")[:, None])[..., 0] > 0
    ends, counts, moves = ops.map(of_chunk, (_in_chunks(seeds), in_use))
    return (
        ops.reshape(ends, (-1, points.shape[1]))[:num_points],
        ops.reshape(counts, (-1,))[:num_points],
        ops.max(moves),
    )


def _ball_means(axes: list[Any], centre: Any, bandwidth: float) -> tuple[Any, Any]:
    """Means `[CHUNK, E]` and int32 numbers `[CHUNK]` of the points around each centre."""
    distance = 0.0
    for axis, values in enumerate(axes):
        distance = distance + ops.square(values - centre[:, axis : axis + 1])  # [CHUNK, N]
    is_near = distance <= bandwidth * bandwidth
    found = ops.sum(ops.cast(is_near, "int32"), axis=1)
    # Sums, not a product of matrices: some devices shorten a product's factors.
    sums = [ops.sum(ops.where(is_near, values, 0.0), axis=1) for values in axes]
    return ops.stack(sums, axis=1) / ops.cast(ops.maximum(found, 1), "float32")[:, None], found


def _squared_distances(points: Any, centre: Any) -> Any:
    """`[S, N]` between centres `[S, E]` and points `[N, E]`."""
    return ops.sum(ops.square(points[None, :, :] - centre[:, None, :]), axis=-1)


def _choose_and_label(
    points: Any, ends: Any, counts: Any, bandwidth: float
) -> tuple[Any, Any, Any]:
    """Keeps the densest ends a bandwidth apart; labels the points by the nearest."""
    slots = ops.arange(ops.shape(points)[0], dtype="int32")

    def step(number: Any, is_left: Any, nearest: Any, labels: Any, centres: Any) -> tuple[Any, ...]:
        is_best = _largest(is_left, counts)
        for axis in range(points.shape[1]):
            is_best = _largest(is_best, ends[:, axis])
        best = ops.max(ops.where(is_best, slots, 0))
        centre = ops.take(ends, best, axis=0)[None, :]  # [1, E]
        is_close = _squared_distances(ends, centre)[0] <= bandwidth * bandwidth
        is_gone = ops.logical_or(is_best, is_close)
        squared = _squared_distances(points, centre)[0]
        is_nearer = squared < nearest
        return (
            number + 1,
            ops.logical_and(is_left, ops.logical_not(is_gone)),
            ops.where(is_nearer, squared, nearest),
            ops.where(is_nearer, number, labels),
            ops.where((slots == number)[:, None], centre, centres),
        )

    state = (
        ops.zeros((), "int32"),
        counts > 0,
        ops.full_like(points[:, 0], float("inf")),
        ops.zeros_like(slots),
        ops.full_like(points, float("nan")),
    )
    number, _, _, labels, centres = ops.while_loop(lambda *state: ops.any(state[1]), step, state)
    return labels, centres, number


def _largest(is_candidate: Any, values: Any) -> Any:
    """Those of the candidates `[N]` with the largest value."""
    lowest = float("-inf") if "float" in str(values.dtype) else -1
    candidates = ops.where(is_candidate, values, lowest)
    return ops.logical_and(is_candidate, candidates == ops.max(candidates))


def _in_chunks(rows: Any) -> Any:
    """`[N, E]` to `[N // CHUNK + 1, CHUNK, E]`, the rest filled with zeros."""
    num_rows = ops.shape(rows)[0]
    filling = ops.zeros((CHUNK - num_rows % CHUNK, rows.shape[1]), rows.dtype)
    return ops.reshape(ops.concatenate([rows, filling]), (-1, CHUNK, rows.shape[1]))
