"""Random shapes and values, the awkward ones included, against the references.

    python -m pytest tests/ops/test_op_fuzz.py --hypothesis-profile=extended   # more, and new ones

What has no exact reference on awkward values (attention, mean shift) is in `test_op_fuzz_floats`.
"""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import op_references as reference
from tf_ops import library
from tf_ops.grouping import grouping
from tf_ops.interpolation import interpolation
from tf_ops.sampling import sampling

AWKWARD = np.array(
    [0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-38, 1e-20, 1e10, -1e19, 3e38, -3e38], np.float32
)
SIZES = st.one_of(st.integers(0, 40), st.integers(300, 1800), st.integers(4000, 9000))
# How much of a cloud is awkward, and how the rest is spread.
SHARES = st.sampled_from([0.0, 0.01, 0.3, 1.0])
SPREADS = st.sampled_from(["grid", "normal", "line", "far"])


def cloud(rng, batch, num_points, spread, share):
    xyz = rng.normal(size=(batch, num_points, 3))
    if spread == "grid":
        xyz = np.round(2 * xyz)
    elif spread == "line":
        xyz[..., 1:] = 0
    elif spread == "far":
        xyz = 1e5 + 0.1 * xyz
    xyz = xyz.astype(np.float32)
    return np.where(rng.random(xyz.shape) < share, rng.choice(AWKWARD, xyz.shape), xyz)


inputs = {
    "seed": st.integers(0, 2**32 - 1),
    "batch": st.integers(0, 3),
    "size": SIZES,
    "spread": SPREADS,
    "share": SHARES,
}


@given(**inputs, fraction=st.floats(0, 1))
def test_sampling(seed, batch, size, spread, share, fraction):
    xyz = cloud(np.random.default_rng(seed), batch, size + 1, spread, share)
    num_samples = 1 + int(fraction * min(size, 60))
    got = sampling.farthest_point_sample(xyz, num_samples)
    np.testing.assert_array_equal(got, reference.farthest_point_sample(xyz, num_samples))


@given(
    **inputs,
    num_centres=st.integers(0, 40),
    num_neighbours=st.integers(1, 90),
    radius=st.sampled_from([1e-30, 1e-22, 1e-3, 0.5, 1.0, 3.0, 1e5, 1e20, 3e38]),
)
def test_ball_query(seed, batch, size, spread, share, num_centres, num_neighbours, radius):
    rng = np.random.default_rng(seed)
    xyz = cloud(rng, batch, size, spread, share)
    centres = cloud(rng, batch, num_centres, spread, share)
    got_index, got_count = grouping.ball_query(xyz, centres, radius, num_neighbours)
    want_index, want_count = reference.ball_query(xyz, centres, radius, num_neighbours)
    np.testing.assert_array_equal(got_count, want_count)
    np.testing.assert_array_equal(got_index, want_index)


@given(**inputs, num_queries=st.integers(0, 90))
def test_three_nearest(seed, batch, size, spread, share, num_queries):
    rng = np.random.default_rng(seed)
    references = cloud(rng, batch, size + 3, spread, share)
    query = cloud(rng, batch, num_queries, spread, share)
    got_distance, got_index = interpolation.three_nearest(query, references)
    want_distance, want_index = reference.three_nearest(query, references)
    np.testing.assert_array_equal(got_index, want_index)
    np.testing.assert_array_equal(got_distance, want_distance)


@given(**inputs, num_rows=st.integers(0, 400), channels=st.integers(0, 70))
def test_rows_and_their_gradients(seed, batch, size, spread, share, num_rows, channels):
    rng = np.random.default_rng(seed)
    num_points = size % 90 + 1
    points = rng.normal(size=(batch, num_points, channels)).astype(np.float32)
    points = np.where(rng.random(points.shape) < share, rng.choice(AWKWARD, points.shape), points)
    index = rng.integers(0, num_points, (batch, num_rows, 3)).astype(np.int32)
    weights = rng.normal(size=index.shape).astype(np.float32)
    grouped = grouping.group_points(points, index)
    np.testing.assert_array_equal(grouped, reference.take_rows(points, index))
    ops = library.ops()
    with np.errstate(all="ignore"):
        mixed = reference.interpolate(points, index, weights)
        summed = reference.take_rows_gradient(grouped.numpy(), index, num_points)
        spread_out = reference.interpolate_gradient(mixed, index, weights, num_points)
    np.testing.assert_array_equal(interpolation.interpolate(points, index, weights), mixed)
    grouped_grad = ops.ban_gather_points_grad(
        output_grad=grouped, index=index, num_points=num_points
    )
    np.testing.assert_array_equal(grouped_grad, summed)
    mixed_grad = ops.ban_interpolate_grad(
        output_grad=mixed, index=index, weights=weights, num_points=num_points
    )
    np.testing.assert_array_equal(mixed_grad, spread_out)
    first = index[:, :, 0]
    gathered = sampling.gather_points(points, first)
    np.testing.assert_array_equal(gathered, reference.take_rows(points, first))
    with np.errstate(all="ignore"):
        summed = reference.take_rows_gradient(gathered.numpy(), first, num_points)
    gathered_grad = ops.ban_gather_points_grad(
        output_grad=gathered, index=first, num_points=num_points
    )
    np.testing.assert_array_equal(gathered_grad, summed)


@pytest.mark.parametrize("wrong", [-(2**31), -1, 700, 2**31 - 1])
def test_no_index_reaches_outside(wrong):
    index = np.zeros((2, 50, 3), np.int32)
    index[1, 49, 2] = wrong
    points, weights = np.ones((2, 700, 5), np.float32), np.ones(index.shape, np.float32)
    for run in (
        lambda: grouping.group_points(points, index),
        lambda: sampling.gather_points(points, index[:, :, 2]),
        lambda: interpolation.interpolate(points, index, weights),
    ):
        with pytest.raises(Exception, match=rf"\[0, 700\).*index={wrong}"):
            run()


# What the shapes of an op's inputs must be, in letters; a digit stands for itself, a star for one
# axis or more.
RULES = {
    "farthest_point_sample": {"xyz": "BN3"},
    "gather_points": {"points": "BNC", "index": "B*"},
    "gather_points_grad": {"output_grad": "B*C", "index": "B*"},
    "ball_query": {"xyz": "BN3", "centres": "BM3"},
    "three_nearest": {"query": "BN3", "reference": "BM3"},
    "interpolate": {"points": "BMC", "index": "BN3", "weights": "BN3"},
    "interpolate_grad": {"output_grad": "BNC", "index": "BN3", "weights": "BN3"},
    "attend": {"query": "BND", "key": "BMD", "value": "BMC"},
    "mean_shift": {"embedding": "BNE"},
}
ATTRIBUTES = {
    "farthest_point_sample": {"num_samples": 1},
    "ball_query": {"radius": 1.0, "num_neighbours": 2},
    "attend": {"scale": 1.0},
    "mean_shift": {"bandwidth": 0.5},
}
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 3]), min_size=0, max_size=4)


def fits(shapes, rules):
    """Whether shapes follow their rules; the least sizes of some ops are not looked at."""
    sizes = {"3": 3}
    for shape, letters in zip(shapes, rules, strict=True):
        # One letter for each axis behind the star.
        starred = "".join(chr(ord("a") + i) for i in range(len(shape) - len(letters) + 1))
        letters = letters.replace("*", starred or "a")
        if len(shape) != len(letters):
            return False
        for letter, size in zip(letters, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                return False
    return True


@given(op=st.sampled_from(sorted(RULES)), data=st.data(), num_points=st.integers(-2, 4))
def test_shapes_that_do_not_fit_are_refused(op, data, num_points):
    rules = RULES[op]
    shapes = [data.draw(st.one_of(SHAPES, st.just([2, 3, 3]))) for _ in rules]
    inputs = {
        name: tf.zeros(shape, tf.int32 if name == "index" else tf.float32)
        for name, shape in zip(rules, shapes, strict=True)
    }
    is_gradient = op.endswith("_grad")
    more = {"num_points": num_points} if is_gradient else ATTRIBUTES.get(op, {})
    try:
        with tf.device("CPU:0"):
            getattr(library.ops(), f"ban_{op}")(**inputs, **more)
    except tf.errors.InvalidArgumentError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert "Received: " in refused
    else:
        assert fits(shapes, rules.values())
        assert num_points >= 0 or not is_gradient
