"""PartNet's official HDF5 forms: the same two shapes in each, and what is wrong with some."""

import json
import re

import h5py
import numpy as np
import pytest

import partnet_trees as trees
from ban_tf.config import NONE
from ban_tf.data import partnet, reading
from ban_tf.data.partnet import h5_files, layout, reader, sampling, writer
from ban_tf.data.synthetic import shapes as solids

TASK = partnet.Task(trees.CATEGORY, trees.LEVEL)
WITH_INSTANCES = [form for form in h5_files.FIELDS if form != "sem_seg_h5"]


@pytest.fixture(autouse=True)
def _nothing_is_kept():
    """Files of other tests may lie in the same places, written within one tick of the clock."""
    h5_files._read_rows.cache_clear()
    h5_files._records.cache_clear()


def clouds(root, **options):
    return {scan.name: scan.read()[0] for scan in reader.scans(root, task=TASK, **options)}


@pytest.mark.parametrize("form", WITH_INSTANCES)
def test_every_form_gives_the_same_classes_and_instances(form, tmp_path):
    trees.write(tmp_path, form)
    found = clouds(tmp_path)
    assert list(found) == ["test-00_0000", "test-00_0001"]
    for number, cloud in enumerate(found.values()):
        np.testing.assert_array_equal(cloud.semantic, trees.SEMANTIC[number])
        np.testing.assert_array_equal(cloud.instance, trees.INSTANCE[number])
        assert cloud.group == "test"
        assert cloud.rgb is None


def test_the_semantic_form_has_no_instances(tmp_path):
    trees.write(tmp_path, "sem_seg_h5")
    cloud = clouds(tmp_path)["test-00_0000"]
    np.testing.assert_array_equal(cloud.semantic, trees.SEMANTIC[0])
    assert (cloud.instance == NONE).all()


def test_y_of_the_files_is_up(tmp_path):
    trees.write(tmp_path, "ins_seg_h5_gt")
    x, y, z = trees.points()[0].T
    xyz = clouds(tmp_path)["test-00_0000"].xyz
    np.testing.assert_array_equal(xyz, np.stack([x, -z, y], axis=1))


def test_other_is_a_class_and_an_instance_where_it_is_asked_for(tmp_path):
    trees.write(tmp_path, "ins_seg_h5")
    cloud = clouds(tmp_path, other_as_class=True)["test-00_0000"]
    np.testing.assert_array_equal(cloud.semantic, trees.SEMANTIC[0] + 1)
    other = trees.SEMANTIC[0] == NONE
    assert np.unique(cloud.instance[other]).tolist() == [3]
    assert TASK.labels(True).class_names == ("other", "body", "handle", "containing_things")


@pytest.mark.parametrize(
    "named", [".", "ins_seg_h5_gt", "ins_seg_h5_gt/Mug-1"], ids=["parent", "form", "category"]
)
def test_any_of_the_folders_may_be_named(named, tmp_path):
    trees.write(tmp_path, "ins_seg_h5_gt")
    assert layout.find(tmp_path / named, TASK).form == "ins_seg_h5_gt"


def test_the_form_that_knows_most_is_read_unless_another_is_asked_for(tmp_path):
    for form in ("sem_seg_h5", "ins_seg_h5"):
        trees.write(tmp_path, form)
    assert layout.find(tmp_path, TASK).form == "ins_seg_h5"
    assert layout.find(tmp_path, TASK, "sem_seg_h5").form == "sem_seg_h5"
    with pytest.raises(ValueError, match="`form` must be one of"):
        layout.find(tmp_path, TASK, "h5")


def test_splits_and_files_are_told_by_name(tmp_path):
    for stem in ("train-00", "train-01", "test-00"):
        trees.write(tmp_path, "ins_seg_h5", stem)
    trees.write(tmp_path, "ins_seg_h5", "notes")
    listed = reader.scans(tmp_path, ["train"], task=TASK)
    assert [scan.name for scan in listed] == [
        f"train-0{file}_000{row}" for file in (0, 1) for row in (0, 1)
    ]
    assert len(reader.scans(tmp_path, task=TASK)) == 6
    [one] = reader.scans(tmp_path, ["test-00_0001"], task=TASK)
    assert one.name == "test-00_0001"
    with pytest.raises(FileNotFoundError, match="no shapes of Mug for val; it has train, test"):
        reader.scans(tmp_path, ["val"], task=TASK)


def test_the_shapes_of_a_file_share_its_size(tmp_path):
    path = trees.write(tmp_path, "ins_seg_h5_gt")
    for scan in reader.scans(tmp_path, task=TASK):
        assert scan.num_bytes() == path.stat().st_size // 2


def wrong_points(**changed):
    points = trees.points()
    points[1, 3, 0] = np.nan
    return points


def wrong_list(text):
    return lambda path: path.with_suffix(".json").write_text(text)


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


SIX = np.full((2, trees.NUM_POINTS), 6, np.uint8)
DAMAGE = [
    ("ins_seg_h5_gt", {"gt_mask": None}, "test-00.h5: gt_mask: is missing; the file has"),
    ("sem_seg_h5", {"label_seg": None}, "test-00.h5: label_seg: is missing; the file has data"),
    ("sem_seg_h5", {"label_seg": SIX}, "label_seg: shape 0: labels must be below 4, as Mug-1 has"),
    ("ins_seg_h5_gt", {"gt_mask_label": np.full((2, 200), 3)}, "gt_mask_label: shape 0: labels"),
    ("ins_seg_h5_for_detection", {"gt_valid": np.ones((2, 9))}, "gt_mask: shape 0: has 200 masks"),
    ("sem_seg_h5", {"label_seg": SIX[:, :5]}, "label_seg: shape 0: must have 12 points"),
    ("sem_seg_h5", {"data": trees.points()[..., :2]}, r"data: must be \[n, N, 3\]"),
    ("sem_seg_h5", {"data": trees.points(3)}, "its fields have different numbers of shapes"),
    ("sem_seg_h5", {"data": trees.points()[0]}, "data: must have 3 axes"),
    ("sem_seg_h5", {"data": wrong_points()}, "data: shape 1 has a coordinate that is not finite"),
    ("sem_seg_h5", cut, "is no whole HDF5 file"),
    ("ins_seg_h5", wrong_list('[{"anno_id": "1"'), "test-00.json: is no whole JSON file"),
    ("ins_seg_h5", wrong_list('{"a": 1}'), "test-00.json: must hold a list"),
    (
        "ins_seg_h5",
        wrong_list('[{"anno_id": "1"}, {}]'),
        r"test-00.json: \[0\].ins_seg: is missing",
    ),
    ("ins_seg_h5", wrong_list("[]"), "lists 0 shapes, and test-00.h5 has 2"),
    ("ins_seg_h5", lambda path: path.with_suffix(".json").unlink(), "test-00.json: is missing"),
]


@pytest.mark.parametrize(("form", "damage", "text"), DAMAGE, ids=[str(row[2]) for row in DAMAGE])
def test_what_is_wrong_is_told_by_file_and_field_and_other_files_are_read(
    form, damage, text, tmp_path
):
    trees.write(tmp_path, form, "train-00")
    if callable(damage):
        damage(trees.write(tmp_path, form))
    else:
        trees.write(tmp_path, form, **damage)
    unreadable = []
    kept = reading.read_scans(
        reader.scans(tmp_path, task=TASK), tmp_path / "c", progress=False, unreadable=unreadable
    )
    assert {"train-00_0000", "train-00_0001"} <= {path.stem for path in kept}
    assert any(re.search(text, str(problem)) for problem in unreadable), unreadable


def test_a_leaf_list_must_hold_whole_numbers(tmp_path):
    records = json.loads(json.dumps(trees.RECORDS))
    records[1]["ins_seg"][0]["leaf_id_list"] = [1.5]
    path = trees.write(tmp_path, "ins_seg_h5")
    path.with_suffix(".json").write_text(json.dumps(records))
    with pytest.raises(reading.UnreadableError, match=r"\[1\].ins_seg\[0\].leaf_id_list"):
        clouds(tmp_path)


def test_a_changed_file_is_read_anew(tmp_path):
    path = trees.write(tmp_path, "sem_seg_h5")
    before = clouds(tmp_path)["test-00_0000"].semantic
    with h5py.File(path, "r+") as file:
        file["label_seg"][...] = 3
    assert not np.array_equal(clouds(tmp_path)["test-00_0000"].semantic, before)


def test_nothing_there_is_told_with_what_was_looked_for(tmp_path):
    (tmp_path / "scans").mkdir()
    with pytest.raises(FileNotFoundError, match=r"looked for ins_seg_h5/Mug, .*It has scans"):
        layout.find(tmp_path, TASK)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        layout.find(tmp_path / "no", TASK)


def test_generated_h5_files_hold_the_fields_and_types_of_the_official_ones(tmp_path):
    counts = {"train": 2, "test": 1}
    writer.write_h5(tmp_path / "made", ("Lamp",), counts, num_points=50)
    with h5py.File(tmp_path / "made" / "ins_seg_h5" / "Lamp" / "train-00.h5") as file:
        types = {name: (field.dtype.name, field.shape[:2]) for name, field in file.items()}
        points = file["pts"][:]
    floats = dict.fromkeys(("pts", "nor", "opacity"), ("float32", (2, 50)))
    assert types == {**floats, "label": ("int32", (2, 50)), "rgb": ("uint8", (2, 50))}
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1).max(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(points.min(axis=1) + points.max(axis=1), 0, atol=1e-6)


@pytest.mark.parametrize("category", writer.CATEGORIES)
def test_generated_parts_are_parts_of_every_level_of_their_category(category):
    for level in partnet.levels_of(category):
        task, seen = partnet.Task(category, level), set()
        for one in writer.specimens(category, "train", 30, num_points=300):
            found = writer.hierarchy.of_raw_tree("x", one.tree, category)
            semantic, instance = writer.hierarchy.label_points(one.leaf, found, task)
            seen |= set(semantic.tolist())
            assert (semantic != NONE).any()  # all but the tops of desks is none at level 1
            assert ((instance == NONE) == (semantic == NONE)).all()
        assert len(seen - {NONE}) >= (2 if level == 1 else 5)


def test_equal_arguments_give_equal_shapes_and_splits_differ():
    first, again = (next(writer.specimens("Chair", "train", 1, 20)) for _ in range(2))
    other = next(writer.specimens("Chair", "test", 1, 20))
    np.testing.assert_array_equal(first.points, again.points)
    assert first.number != other.number
    assert not np.array_equal(first.points, other.points)


@pytest.mark.parametrize("kind", [solids.BOX, solids.CYLINDER, solids.ELLIPSOID])
def test_sampled_points_lie_on_the_surface_with_outward_normals(kind):
    half = (0.2, 0.2, 0.5)
    part = solids.Part(kind, (1.0, 2.0, 3.0), half, solids.Material((0, 0, 0)))
    points, normals, owner = sampling.sample([part], 500, np.random.default_rng(0))
    local = (points - np.array(part.centre)) / np.array(half)
    radius = {
        solids.BOX: np.abs(local).max(axis=1),
        solids.CYLINDER: np.maximum(np.linalg.norm(local[:, :2], axis=1), np.abs(local[:, 2])),
        solids.ELLIPSOID: np.linalg.norm(local, axis=1),
    }[kind]
    np.testing.assert_allclose(radius, 1, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-9)
    assert ((normals * (points - np.array(part.centre))).sum(axis=1) > 0).all()
    assert not owner.any()


def test_solids_get_points_by_their_area():
    small = solids.box((0, 1), (0, 1), (0, 1), solids.Material((0, 0, 0)))
    large = solids.box((0, 2), (0, 2), (0, 2), solids.Material((0, 0, 0)))
    _, _, owner = sampling.sample([small, large], 20_000, np.random.default_rng(0))
    assert owner.mean() == pytest.approx(0.8, abs=0.01)  # four times the area; 4 sigma of the draw
