import subprocess
import sys

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import numpy as np
import pytest

import scanning_reference
from ban_tf.data import s3dis, synthetic
from ban_tf.data.s3dis import writer
from ban_tf.data.synthetic import furniture, materials, scanner, shapes, styles
from ban_tf.data.synthetic.room import EAST, NORTH, SOUTH, WEST, Room

CLASSES = s3dis.LABELS.class_names
GREY = shapes.Material((120.0, 120.0, 120.0))
CLOSED = shapes.box((-3, 3), (-3, 3), (-3, 3), GREY)


def scene_of(*parts):
    scene = shapes.Scene()
    for part in parts:
        scene.add("clutter", [part])
    return scene.solids()


def shell(half=3.0):
    walls = []
    for axis in range(3):
        for side in (-1, 1):
            bounds = [(-half - 0.2, half + 0.2)] * 3
            bounds[axis] = (half, half + 0.2) if side > 0 else (-half - 0.2, -half)
            walls.append(shapes.box(*bounds, GREY))
    return walls


def all_echoes(solids, places, num_points=4000):
    return scanner.scan(solids, np.array(places), num_points, np.random.default_rng(0))


FURNISHED = [
    *shell(),
    shapes.box((0.8, 1.6), (-0.7, 0.7), (-1.5, 0.4), GREY, yaw=0.6, tilt=0.3),
    shapes.cylinder(-1.2, 0.6, (-3, 0.8), 0.4, GREY),
    shapes.ellipsoid((0.2, -1.7, 0.3), (0.7, 0.3, 0.5), GREY),
    shapes.box((-0.2, 0.2), (-0.2, 0.2), (-2, -1.2), GREY),  # under the scanner
]


# Scanner


def test_every_echo_is_the_first_surface_on_its_way(monkeypatch):
    monkeypatch.setattr(scanner, "_DISTANCE_NOISE_M", 0.0)
    monkeypatch.setattr(scanner, "_DISTANCE_NOISE_SHARE", 0.0)
    solids = scene_of(*FURNISHED)
    places = np.array([[0.0, 0.0, 0.2], [-2.0, -2.0, -1.0]])
    echoes = all_echoes(solids, places, num_points=600)
    assert set(echoes.part) >= {6, 7, 8, 9}
    for xyz, part, scan in zip(echoes.xyz, echoes.part, echoes.scan, strict=True):
        offset = xyz - places[scan]
        distance = np.linalg.norm(offset)
        expected = scanning_reference.first_hit(solids, places[scan], offset / distance)
        assert part == expected[1]
        assert distance == pytest.approx(expected[0], abs=1e-9)


def test_looking_only_where_a_solid_can_be_changes_nothing(monkeypatch):
    solids, places = scene_of(*FURNISHED), [[0.0, 0.0, 0.2], [2.5, -2.5, 2.0], [0.0, 0.0, -0.4]]
    narrow = all_echoes(solids, places)
    monkeypatch.setattr(
        scanner, "_window", lambda solids, index, place, shape, step: map(np.arange, shape)
    )
    everywhere = all_echoes(solids, places)
    np.testing.assert_array_equal(narrow.xyz, everywhere.xyz)
    np.testing.assert_array_equal(narrow.part, everywhere.part)


def test_what_hides_behind_a_solid_has_no_echo():
    front = shapes.box((1.0, 1.1), (-1, 1), (-1, 1), GREY)
    hidden = shapes.ellipsoid((2, 0, 0), (0.3, 0.3, 0.3), GREY)
    assert 7 not in all_echoes(scene_of(*shell(), front, hidden), [[0.0, 0, 0]]).part
    assert 6 in all_echoes(scene_of(*shell(), hidden), [[0.0, 0, 0]]).part


def test_normals_are_of_unit_length_and_face_the_scanner():
    places = np.array([[0.0, 0.0, 0.2]])
    echoes = all_echoes(scene_of(*FURNISHED), places)
    np.testing.assert_allclose(np.linalg.norm(echoes.normal, axis=1), 1, atol=1e-12)
    assert (np.einsum("ni,ni->n", echoes.normal, places - echoes.xyz) > 0).all()


def test_normals_of_the_three_solids_by_hand():
    solids = scene_of(
        shapes.box((2, 2.5), (-2, 2), (-2, 2), GREY),
        shapes.cylinder(-2, 0, (-2, 2), 0.5, GREY),
        shapes.ellipsoid((0, 2, 0), (0.5, 0.5, 0.5), GREY),
    )
    echoes = all_echoes(solids, [[0.0, 0, 0]])
    normals = [echoes.normal[echoes.part == part] for part in range(3)]
    np.testing.assert_allclose(normals[0], np.broadcast_to([-1, 0, 0], normals[0].shape))
    local = echoes.local[echoes.part == 1] * [2, 2, 0]
    np.testing.assert_allclose(normals[1], local, atol=1e-9)
    np.testing.assert_allclose(normals[2], echoes.local[echoes.part == 2] * 2, atol=1e-9)


@pytest.mark.parametrize("num_points", [1, 7, 1000])
def test_scan_keeps_as_many_points_as_asked(num_points):
    assert len(all_echoes(scene_of(*shell()), [[0.0, 0, 0]], num_points).xyz) == num_points


def test_density_falls_with_distance_but_not_as_fast_as_the_rays():
    near_far = []
    echoes = all_echoes(scene_of(*shell()), [[-2.0, 0, 0]], 40_000)
    for part in (0, 1):  # 1 m and 5 m away
        on_wall = echoes.xyz[echoes.part == part]
        near_far.append((np.linalg.norm(on_wall[:, 1:], axis=1) < 0.8).sum())
    ratio = near_far[0] / near_far[1]
    assert 1.2 < ratio < 5


def test_noise_is_a_few_millimetres():
    echoes = all_echoes(scene_of(*shell()), [[0.0, 0, 0]], 4000)
    off = np.abs(np.abs(echoes.xyz[echoes.part == 0, 0]) - 3)
    assert 0.001 < off.std() < 0.006
    assert off.max() < 0.03


# Shapes and furniture


def test_parts_are_turned_by_tilt_then_yaw_then_with_their_object():
    scene = shapes.Scene()
    part = shapes.box((1, 3), (-1, 1), (0, 1), GREY, yaw=np.pi / 2)
    scene.add("table", [part], at=(10, 20, 30), yaw=np.pi / 2)
    solids = scene.solids()
    np.testing.assert_allclose(solids.centre, [[10, 22, 30.5]], atol=1e-12)
    np.testing.assert_allclose(solids.rotation[0], np.diag([-1, -1, 1]), atol=1e-12)
    tilted = shapes.rotations(np.array([np.pi / 2]), np.array([np.pi / 2]))[0]
    np.testing.assert_allclose(tilted @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(tilted @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.7, 1.5])
def test_door_leaf_stays_hinged_and_on_the_rooms_side(angle):
    style = styles.draw_style(np.random.default_rng(0), 1)
    leaf = furniture.door(0.9, 2.0, style, opening=angle)[3]
    turn = shapes.rotations(np.array([leaf.yaw]), np.array([0.0]))[0]
    hinge = np.array(leaf.centre) - turn @ [leaf.half[0], 0, 0]
    np.testing.assert_allclose(hinge[:2], [-0.45, -0.04], atol=0.03)
    assert leaf.half[0] == pytest.approx(0.445)


# Room


@pytest.fixture
def room():
    rng = np.random.default_rng(5)
    return Room(4.0, 3.0, styles.draw_style(rng, 1), rng)


def test_things_on_walls_look_into_the_room(room):
    for wall in (SOUTH, NORTH, WEST, EAST):
        foot, front = room.at_wall(wall, 1.0), room.at_wall(wall, 1.0, 0.5)
        assert 0 in (foot[0], foot[1], foot[0] - 4, foot[1] - 3)
        assert 0 < front[0] < 4
        assert 0 < front[1] < 3


def test_nothing_is_given_the_same_place_twice(room):
    slots = [room.take_wall(0.8, 0.7, low=True, high=True) for _ in range(20)]
    assert sum(slot is not None for slot in slots) > 2
    assert slots[-1] is None
    for index, (x0, y0, x1, y1) in enumerate(room.taken):
        assert x0 >= -1e-9
        assert y0 >= -1e-9
        assert x1 <= 4 + 1e-9
        assert y1 <= 3 + 1e-9
        for a0, b0, a1, b1 in room.taken[:index]:
            assert x1 <= a0 or a1 <= x0 or y1 <= b0 or b1 <= y0


def test_a_board_may_hang_above_a_sofa_but_not_before_a_bookcase(room):
    assert room.take_wall(4.0, 0.9, low=True, high=False, walls=(SOUTH,))
    assert room.take_wall(2.0, 0, low=False, high=True, walls=(SOUTH,))
    assert room.take_wall(3.0, 0.3, low=True, high=True, walls=(NORTH,))
    assert room.take_wall(2.0, 0, low=False, high=True, walls=(NORTH,)) is None


def test_scanner_stands_on_free_floor_inside_the_room(room):
    room.taken.append((0.0, 0.0, 4.0, 2.0))
    places = room.scanner_places(3)
    assert places.shape == (3, 3)
    assert (places[:, 1] > 2.0).all()
    assert (places[:, 1] < 3.0).all()
    assert len(np.unique(places[:, 0])) == 3


# Text


@hypothesis.settings(derandomize=True, max_examples=200, deadline=None)
@hypothesis.given(
    hypothesis.extra.numpy.arrays(
        np.int64, st.tuples(st.integers(0, 4), st.just(3)), elements=st.integers(-9999999, 9999999)
    ),
    st.data(),
)
def test_rows_are_written_as_python_writes_them(millimetres, data):
    rgb = data.draw(hypothesis.extra.numpy.arrays(np.uint8, millimetres.shape))
    lines = [
        " ".join([f"{value / 1000:.3f}" for value in xyz] + [str(value) for value in color]) + "\n"
        for xyz, color in zip(millimetres.tolist(), rgb.tolist(), strict=True)
    ]
    assert writer.format_rows(millimetres / 1000, rgb) == "".join(lines).encode()


# Buildings


@pytest.fixture(scope="module")
def building(tmp_path_factory):
    root = tmp_path_factory.mktemp("synthetic") / "building"
    s3dis.write_building(root, num_areas=2, seed=3, rooms_per_area=5, points_per_m2=600)
    return root


@pytest.fixture(scope="module")
def clouds(building):
    return [s3dis.read_room(room) for room in s3dis.list_rooms(building, [1, 2])]


def test_building_has_s3dis_layout(building):
    names = [room.cloud_name for room in s3dis.list_rooms(building, [1, 2])]
    rooms = ("conferenceRoom_1", "hallway_1", "lounge_1", "office_1", "office_2")
    assert names == [f"Area_{area}_{room}" for area in (1, 2) for room in rooms]
    for file in building.rglob("*.txt"):
        assert file.parent.name == "Annotations"
        class_name, number = file.stem.split("_")
        assert class_name in CLASSES
        assert int(number) >= 1
    first = next(building.rglob("wall_1.txt")).read_text().splitlines()[0]
    assert len(first.split(" ")) == 6
    assert [len(word.partition(".")[2]) for word in first.split(" ")] == [3, 3, 3, 0, 0, 0]


def test_building_reads_without_a_problem(clouds):
    assert [problems for _, problems in clouds] == [[]] * 10


def test_every_area_shows_all_13_classes(clouds):
    for area in (1, 2):
        seen = np.concatenate(
            [cloud.semantic for cloud, _ in clouds if cloud.name.startswith(f"Area_{area}_")]
        )
        assert (np.bincount(seen, minlength=13) >= 24).all()


def test_two_rooms_are_enough_for_all_classes(tmp_path):
    s3dis.write_building(tmp_path / "b", num_areas=1, seed=1, rooms_per_area=2,
                             points_per_m2=500)  # fmt: skip
    files = (tmp_path / "b").rglob("*.txt")
    assert {file.stem.split("_")[0] for file in files} == set(CLASSES)


def test_points_lie_in_a_room_of_plausible_size(clouds):
    for cloud, _ in clouds:
        floor = cloud.xyz[cloud.semantic == CLASSES.index("floor")]
        ceiling = cloud.xyz[cloud.semantic == CLASSES.index("ceiling")]
        assert np.median(floor[:, 2]) == pytest.approx(0, abs=0.005)
        assert 2.5 < np.median(ceiling[:, 2]) < 3.2
        low, high = floor.min(axis=0) - 0.2, floor.max(axis=0) + 0.2
        outside = (cloud.xyz[:, :2] < low[:2]) | (cloud.xyz[:, :2] > high[:2])
        assert not outside.any()
        size = np.ptp(floor[:, :2], axis=0)
        assert 1.5 < size.min() < size.max() < 16
        assert 400 < len(cloud) / size.prod() < 700


def test_every_instance_has_points_and_one_class(clouds):
    for cloud, _ in clouds:
        assert np.bincount(cloud.instance).min() >= 12
        pairs = np.unique(np.stack([cloud.instance, cloud.semantic]), axis=1)
        assert pairs.shape[1] == cloud.instance.max() + 1


def test_rooms_do_not_overlap_in_the_building(clouds):
    boxes = []
    for cloud, _ in clouds:
        floor = cloud.xyz[cloud.semantic == CLASSES.index("floor")][:, :2]
        boxes.append(np.percentile(floor, [2, 98], axis=0))
    for index, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:index]:
            assert (high < other_low).any() or (other_high < low).any()


def test_furniture_stands_where_it_belongs(clouds):
    def heights(name):
        of_class = [cloud.xyz[cloud.semantic == CLASSES.index(name), 2] for cloud, _ in clouds]
        return np.concatenate(of_class)

    assert np.percentile(heights("beam"), 1) > 2.2
    assert np.percentile(heights("chair"), 99) < 1.1
    assert np.percentile(heights("table"), 99) < 0.8
    assert np.percentile(heights("sofa"), 99) < 0.95
    assert np.percentile(heights("door"), 99) < 2.2
    assert np.percentile(heights("board"), 1) > 0.85
    assert np.percentile(heights("window"), 1) > 0.85
    assert np.ptp(heights("column")) > 2.3


def test_areas_differ_in_colours_and_sizes(clouds):
    walls, extents = [], []
    for area in (1, 2):
        of_area = [cloud for cloud, _ in clouds if cloud.name.startswith(f"Area_{area}_")]
        rgb = np.concatenate([c.rgb[c.semantic == CLASSES.index("wall")] for c in of_area])
        walls.append(rgb.mean(axis=0))
        extents.append(np.concatenate([np.ptp(cloud.xyz, axis=0) for cloud in of_area]))
    assert np.abs(walls[0] - walls[1]).max() > 4
    assert np.abs(extents[0] - extents[1]).max() > 0.2


def test_colours_vary_within_a_material(clouds):
    for cloud, _ in clouds:
        for name in ("wall", "floor", "ceiling"):
            spread = cloud.rgb[cloud.semantic == CLASSES.index(name)].std(axis=0)
            assert (spread > 3).all()
            assert (spread < 45).all()


def files_of(root):
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*.txt")}


def write(folder, **options):
    options = {"num_areas": 1, "seed": 7, "rooms_per_area": 2, "points_per_m2": 300} | options
    s3dis.write_building(folder, **options)
    return files_of(folder)


def test_equal_arguments_give_equal_files(tmp_path):
    assert write(tmp_path / "a") == write(tmp_path / "b")


def test_another_seed_gives_another_building(tmp_path):
    assert write(tmp_path / "a") != write(tmp_path / "b", seed=8)


def test_an_area_does_not_depend_on_how_many_there_are(tmp_path):
    one, two = write(tmp_path / "a"), write(tmp_path / "b", num_areas=2)
    assert one == {name: content for name, content in two.items() if name.startswith("Area_1")}


def test_empty_folder_is_filled_and_a_full_one_refused(tmp_path):
    root = tmp_path / "building"
    root.mkdir()
    files = write(root)
    with pytest.raises(FileExistsError, match="building is not an empty folder"):
        write(root, seed=8)
    assert files_of(root) == files


def test_interrupted_building_leaves_nothing(tmp_path, monkeypatch):
    def stop_after_one(*arguments):
        yield next(scan_wing(*arguments))
        raise KeyboardInterrupt

    scan_wing = synthetic.scan_wing
    monkeypatch.setattr(synthetic, "scan_wing", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "building")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_areas", 0), ("seed", -1), ("rooms_per_area", 1), ("points_per_m2", float("nan"))],
)
def test_numbers_out_of_range_are_refused_before_writing(tmp_path, name, value):
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        write(tmp_path / "deep" / "building", **{name: value})
    assert list(tmp_path.iterdir()) == []


def test_paint_is_darker_far_from_the_lamp():
    solids = scene_of(*shell())
    rng = np.random.default_rng(0)
    echoes = all_echoes(solids, [[0.0, 0, 0]], 20_000)
    rgb = materials.paint(solids, echoes, np.array([[0.0, 0.0, -1.0]]), rng)
    floor = echoes.part == 4
    radius = np.linalg.norm(echoes.xyz[:, :2], axis=1)
    near, far = rgb[floor & (radius < 1)].mean(), rgb[floor & (radius > 2.5)].mean()
    assert near > far + 5


def test_buildings_need_numpy_only():
    code = (
        "import sys, ban_tf.data.synthetic\n"
        "print({'tensorflow', 'keras', 'h5py', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
