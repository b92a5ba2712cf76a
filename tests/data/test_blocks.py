import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks, Features
from ban_tf.data import samples
from ban_tf.data.samples import blocks, grid, ordering


def make_cloud(xyz, rgb=True, seed=0, name="Area_1_office_1"):
    rng = np.random.default_rng(seed)
    num = len(xyz)
    return Cloud(
        name=name,
        xyz=np.asarray(xyz, np.float64).reshape(num, 3),
        rgb=rng.integers(0, 256, (num, 3)).astype(np.uint8) if rgb else None,
        semantic=rng.integers(0, 13, num).astype(np.int32),
        instance=rng.integers(0, 1000, num).astype(np.int32),
    )


def room(num_points, extent, seed=0, origin=(-3.0, 7.0, 1.5)):
    """Uniform points that reach all walls; on a 5 mm lattice, so that many lie on borders."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(0, extent, (num_points, 3))
    xyz[0], xyz[-1] = 0, extent
    return make_cloud(np.round(xyz / 0.005) * 0.005 + origin, seed=seed)


def gather(cloud, plan, config=Blocks(), frame=None):
    return samples.gather(cloud, plan, config, Features(), frame)


def plan_by_masks(cloud, config, rng):
    """What the authors' tools do, one mask over the whole room per block."""
    xyz = cloud.xyz - cloud.xyz.min(axis=0)
    limit = xyz.max(axis=0)
    steps = [
        max(int(np.ceil((limit[a] - config.size_m) / config.stride_m)) + 1, 1) for a in range(2)
    ]
    plan = []
    for i in range(steps[0]):
        columns = range(steps[1]) if i % 2 == 0 else range(steps[1] - 1, -1, -1)
        for j in columns:
            x, y = i * config.stride_m, j * config.stride_m
            inside = (xyz[:, 0] >= x) & (xyz[:, 0] <= x + config.size_m)
            inside &= (xyz[:, 1] >= y) & (xyz[:, 1] <= y + config.size_m)
            rows = np.flatnonzero(inside)
            if len(rows) < config.min_points:
                continue
            if len(rows) > config.num_points:
                plan.append(rows[rng.integers(0, len(rows), config.num_points)])
            else:
                more = rng.integers(0, len(rows), config.num_points - len(rows))
                plan.append(np.concatenate([rows, rows[more]]))
    return np.array(plan, np.int64).reshape(-1, config.num_points)


@pytest.mark.parametrize(
    ("num_points", "extent"),
    [(4000, (3.2, 2.7, 2.5)), (900, (0.4, 0.3, 1.0)), (2000, (1.0, 1.5, 0.0)), (50, (5, 5, 3))],
)
def test_training_plan_equals_one_mask_per_block(num_points, extent):
    cloud = room(num_points, extent)
    config = Blocks(num_points=256, min_points=20)
    got = blocks.plan_training(cloud, config, np.random.default_rng(3))
    expected = plan_by_masks(cloud, config, np.random.default_rng(3))
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, expected)


def test_training_blocks_are_closed_on_both_sides_and_follow_a_snake():
    # Four points on the corners of a 1.5 m square, and one on the borders of all four blocks.
    xyz = [(0, 0, 0), (1.5, 0, 0), (0, 1.5, 0), (1.5, 1.5, 0), (1.0, 0.5, 0)]
    config = Blocks(num_points=2, min_points=1)
    plan = blocks.plan_training(make_cloud(xyz), config, np.random.default_rng(0))
    np.testing.assert_array_equal(plan, [[0, 4], [2, 4], [3, 4], [1, 4]])


def test_training_block_with_exactly_enough_points_keeps_their_order():
    cloud = room(64, (0.9, 0.9, 2.0))
    config = Blocks(num_points=64, min_points=1)
    plan = blocks.plan_training(cloud, config, np.random.default_rng(0))
    np.testing.assert_array_equal(plan, [np.arange(64)])


def test_training_plan_leaves_out_blocks_below_the_minimum():
    cloud = room(99, (0.9, 0.9, 2.0))
    assert len(blocks.plan_training(cloud, Blocks(), np.random.default_rng(0))) == 0
    config = Blocks(min_points=99)
    assert len(blocks.plan_training(cloud, config, np.random.default_rng(0))) == 1


def test_training_plan_depends_on_the_generator_alone():
    cloud = room(3000, (2.0, 2.0, 2.0))
    config = Blocks(num_points=128)
    one, same, other = (
        blocks.plan_training(cloud, config, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    num_points=st.integers(1, 400),
    extent=st.tuples(*[st.floats(0, 4)] * 3),
    stride=st.sampled_from([0.1, 0.3, 0.5, 1.0]),
    block_points=st.integers(1, 70),
    min_points=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_covering_plan_loses_no_point(num_points, extent, stride, block_points, min_points, seed):
    cloud = room(num_points, extent, seed=seed)
    config = Blocks(stride_m=stride, num_points=block_points, min_points=min_points)
    plan = blocks.plan_covering(cloud, config)
    assert plan.dtype == np.int64
    assert plan.shape[1] == block_points
    np.testing.assert_array_equal(np.unique(plan), np.arange(num_points))
    for row in plan:
        counts = np.unique(row, return_counts=True)[1]
        assert counts.max() - counts.min() <= 1  # repeats are spread over the chunk


def test_covering_plan_is_the_same_every_time():
    cloud = room(5000, (2.0, 1.2, 2.0))
    config = Blocks(num_points=256)
    np.testing.assert_array_equal(
        blocks.plan_covering(cloud, config), blocks.plan_covering(cloud, config)
    )


def test_dense_block_becomes_even_chunks_one_after_the_other():
    cloud = room(1000, (0.99, 0.99, 0.99))
    plan = blocks.plan_covering(cloud, Blocks(num_points=300))
    assert len(plan) == 4
    sizes = [len(np.unique(row)) for row in plan]
    assert sizes == [250] * 4
    octant = ((cloud.xyz - cloud.xyz.min(axis=0)) > 0.5) @ [1, 2, 4]
    whole = np.bincount(octant, minlength=8) / 4
    for row in plan:
        part = np.bincount(octant[np.unique(row)], minlength=8)
        # Octants are runs of the curve, give or take the half metre not being a power of two of
        # the extent; a random quarter of 125 points would stray by about 5, up to 15.
        assert np.abs(part - whole).max() <= 8


def test_first_points_of_a_chunk_lie_all_over_the_block():
    cloud = room(512, (0.99, 0.99, 0.99))
    plan = blocks.plan_covering(cloud, Blocks(num_points=512))
    first = cloud.xyz[plan[0, :64]] - cloud.xyz.min(axis=0)
    assert np.abs(first.mean(axis=0) - 0.5).max() < 0.15


def test_points_only_in_a_sparse_block_join_the_nearest_block():
    rng = np.random.default_rng(0)
    dense = rng.uniform((0, 0, 0), (1, 1, 2), (200, 3))
    strip = rng.uniform((1.01, 0, 0), (1.2, 1, 2), (5, 3))  # beyond the first block
    cloud = make_cloud(np.concatenate([dense, strip]))
    plan = blocks.plan_covering(cloud, Blocks(num_points=205, stride_m=1.0))
    np.testing.assert_array_equal(np.sort(plan), [np.arange(205)])


def test_sparse_points_far_from_every_block_keep_a_block_of_their_own():
    rng = np.random.default_rng(0)
    dense = rng.uniform((0, 0, 0), (1, 1, 2), (200, 3))
    far = rng.uniform((20.2, 0, 0), (20.6, 0.4, 2), (7, 3))
    cloud = make_cloud(np.concatenate([dense, far]))
    plan = blocks.plan_covering(cloud, Blocks(num_points=256, stride_m=1.0))
    assert [sorted(set(row)) for row in plan.tolist()] == [list(range(200)), list(range(200, 207))]
    assert np.abs(gather(cloud, plan).features[..., :2]).max() <= 0.5 + 1e-6


def test_cloud_without_any_full_block_is_still_covered_block_by_block():
    cloud = room(300, (10.0, 10.0, 3.0))
    plan = blocks.plan_covering(cloud, Blocks(num_points=64))
    np.testing.assert_array_equal(np.unique(plan), np.arange(300))
    assert np.ptp(gather(cloud, plan).features[..., :2], axis=1).max() <= 1 + 1e-6


@pytest.mark.parametrize("rgb", [True, False])
def test_one_point_is_a_room(rgb):
    cloud = make_cloud([(4.0, -2.0, 9.0)], rgb=rgb)
    plan = blocks.plan_covering(cloud, Blocks(num_points=3))
    np.testing.assert_array_equal(plan, [[0, 0, 0]])
    training = blocks.plan_training(
        cloud, Blocks(num_points=3, min_points=1), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(training, plan)
    expected = np.zeros((1, 3, 9), np.float32)
    expected[..., :2] = -0.5
    expected[..., 3:6] = cloud.rgb / 255 if rgb else 0
    np.testing.assert_allclose(gather(cloud, plan).features, expected, rtol=1e-7)


def features_point_by_point(cloud, plan):
    """The nine features as the facts state them, one block at a time."""
    xyz = cloud.xyz - cloud.xyz.min(axis=0)
    result = []
    for rows in plan:
        x, y, z = xyz[rows].T
        columns = [x - (x.min() + 0.5), y - (y.min() + 0.5), z]
        columns += list(cloud.rgb[rows].T / 255)
        columns += [xyz[rows, a] / xyz[:, a].max() for a in range(3)]
        result.append(np.stack(columns, axis=1))
    return np.array(result).astype(np.float32)


def test_features_follow_the_nine_definitions():
    cloud = room(3000, (2.3, 1.7, 2.6))
    plan = blocks.plan_training(cloud, Blocks(num_points=256), np.random.default_rng(0))
    got = gather(cloud, plan)
    assert got.features.dtype == np.float32
    np.testing.assert_array_equal(got.features, features_point_by_point(cloud, plan))
    np.testing.assert_array_equal(got.semantic, cloud.semantic[plan])
    np.testing.assert_array_equal(got.instance, cloud.instance[plan])
    assert got.instance.max() > 255  # ids are not squeezed into eight bits
    assert got.semantic.dtype == got.instance.dtype == np.int32


def test_slice_of_a_plan_gives_the_same_blocks():
    cloud = room(3000, (2.3, 1.7, 2.6))
    plan = blocks.plan_covering(cloud, Blocks(num_points=256))
    whole = gather(cloud, plan)
    part = gather(cloud, plan[3:5], frame=samples.frame_of(cloud))
    assert len(part) == 2
    np.testing.assert_array_equal(part.features, whole.features[3:5])
    assert len(gather(cloud, plan[:0])) == 0


def test_gather_centres_on_the_block_edge_it_is_given():
    cloud = make_cloud([(0, 0, 0), (2, 2, 2)])
    got = gather(cloud, np.array([[0, 1]]), Blocks(size_m=2.0))
    np.testing.assert_array_equal(got.features[0, :, :2], [[-1, -1], [1, 1]])


@pytest.mark.parametrize("translation", [(0, 0, 0), (500_000, 5_000_000, 300)])
def test_frame_is_origin_and_extent(translation):
    cloud = make_cloud(np.array([(1, 2, 3), (4, 2, 1)]) + np.array(translation, np.float64))
    frame = samples.frame_of(cloud)
    np.testing.assert_array_equal(frame.origin, np.array((1, 2, 1)) + translation)
    np.testing.assert_array_equal(frame.extent, (3, 0, 2))


def test_empty_cloud_is_refused_by_name():
    cloud = make_cloud(np.zeros((0, 3)), name="Area_2_void_1")
    for plan in (
        lambda: blocks.plan_covering(cloud, Blocks()),
        lambda: blocks.plan_training(cloud, Blocks(), np.random.default_rng(0)),
        lambda: gather(cloud, np.zeros((0, 4), np.int64)),
    ):
        with pytest.raises(ValueError, match="Area_2_void_1 must have at least one point"):
            plan()


def test_cloud_in_millimetres_is_refused():
    cloud = make_cloud([(0, 0, 0), (12_000, 1, 1)])
    with pytest.raises(ValueError, match="must be in metres"):
        blocks.plan_covering(cloud, Blocks())


def test_morton_code_interleaves_the_bits_of_the_axes():
    top = 2**20 - 1
    xyz = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (top, top, top)], np.float64)
    code = ordering.morton_code(xyz, np.full(3, float(top)))
    np.testing.assert_array_equal(code, np.array([1, 2, 4, 8, 8**20 - 1], np.uint64))


@pytest.mark.parametrize("num_points", [1, 2, 4096])
def test_scattered_order_is_a_permutation_that_never_changes(num_points):
    order = ordering.scattered(num_points)
    np.testing.assert_array_equal(np.sort(order), np.arange(num_points))
    if num_points == 4096:
        np.testing.assert_array_equal(order[:4], [410, 821, 2875, 3674])


@pytest.mark.parametrize("size", [0.1, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("length", [0.0, 0.1, 2.9999999, 3.0, 17.3])
def test_grid_leaves_no_gap_and_reaches_the_wall(size, length):
    steps = grid.over(np.array([length, length]), Blocks(size_m=size, stride_m=size))
    starts, ends = steps.starts[0], steps.ends[0]
    assert starts[0] == 0
    assert ends[-1] >= length
    assert (starts[1:] <= ends[:-1]).all()
    np.testing.assert_allclose(ends - starts, size, rtol=1e-12)
