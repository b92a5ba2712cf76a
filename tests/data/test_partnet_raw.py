"""Raw shapes of PartNet, the hierarchy's merging, and what a category and a level are."""

import json

import numpy as np
import pytest

import partnet_trees as trees
from ban_tf.config import NONE, Shapes
from ban_tf.data import partnet, reading
from ban_tf.data.partnet import catalogue, hierarchy, layout, raw_folder, reader, writer

TASK = partnet.Task(trees.CATEGORY, trees.LEVEL)


def test_a_raw_shape_is_merged_by_the_rules_of_its_category(tmp_path):
    trees.write_raw(tmp_path)
    [scan] = reader.scans(tmp_path, task=TASK)
    cloud, problems = scan.read()
    assert (cloud.name, cloud.group, problems) == ("101", "test", [])
    # Bottom and side are of one body, the handle is none of its, a sticker is no part.
    np.testing.assert_array_equal(cloud.semantic, [0, 0, 1, NONE, 0])
    np.testing.assert_array_equal(cloud.instance, [0, 0, 1, NONE, 0])


def test_points_are_put_into_the_unit_sphere_with_z_up(tmp_path):
    trees.write_raw(tmp_path)
    [scan] = reader.scans(tmp_path, task=TASK)
    farthest = np.sqrt(4 + 0.25)  # (0, 0, 0) from the middle of its box, (2, 0, 0.5)
    expected = np.array([[-2, 0.5, 0], [2, 0.5, 0], [0, 0.5, 1], [0, 0.5, -1], [0, -0.5, 0]])
    np.testing.assert_allclose(scan.read()[0].xyz, expected / farthest, atol=1e-12)


def test_without_points_of_the_whole_model_those_of_the_cut_parts_are_read(tmp_path):
    folder = trees.write_raw(tmp_path)
    (folder / "point_sample" / raw_folder.SAMPLES[0][1]).unlink()
    semantic = raw_folder.read(folder, TASK)[1]
    np.testing.assert_array_equal(semantic, 1)


@pytest.mark.parametrize("category", writer.CATEGORIES)
def test_raw_shapes_and_official_files_of_them_are_the_same(category, tmp_path):
    counts = {"train": 2, "test": 1}
    writer.write_h5(tmp_path / "files", (category,), counts, num_points=200)
    writer.write_raw(tmp_path / "folders", category, counts, num_points=200)
    writer.write_raw(tmp_path / "merged", category, counts, num_points=200, merged=True)
    task = partnet.Task(category, max(partnet.levels_of(category)))
    files, folders, merged = (
        [
            (shape.file, shape.row, reader.read(shape, place.form, task)[0])
            for place in [layout.find(tmp_path / name, task)]
            for shape in layout.shapes(place, task)
        ]
        for name in ("files", "folders", "merged")
    )
    for (file, row, one), *others in zip(files, folders, merged, strict=True):
        for file_name, row_there, other in others:
            assert (file_name, row_there) == (file, row)
            np.testing.assert_allclose(other.xyz, one.xyz, atol=1e-5)  # text has six decimals
            np.testing.assert_array_equal(other.semantic, one.semantic)
            np.testing.assert_array_equal(other.instance, one.instance)


def test_a_merged_hierarchy_is_the_official_script_s():
    tree = [
        {"name": "table", "id": 0, "children": [
            {"name": "desk", "id": 1, "children": [
                {"name": "tabletop", "id": 2, "children": [
                    {"name": "sticker", "id": 3, "objs": ["a"]},
                    {"name": "tabletop_surface", "id": 4, "objs": ["b"]},
                ]},
            ]},
        ]},
    ]  # fmt: skip
    found = hierarchy.of_raw_tree("result.json", tree, "Table")
    assert [(one.part, one.leaves) for one in found] == [
        ("table", (3, 4)),
        ("table/regular_table", (3, 4)),
        ("table/regular_table/tabletop", (3, 4)),
        ("table/regular_table/tabletop/tabletop_surface", (4,)),
    ]


def unlink(name):
    return lambda folder: (folder / name).unlink()


def rewrite(name, text):
    return lambda folder: (folder / name).write_text(text)


POINTS, LEAVES = (f"point_sample/{name}" for name in raw_folder.SAMPLES[0])
DEEP = '[{"name": "a", "id": 1, "children": ' * 150 + "[]" + "}]" * 150
DAMAGE = [
    (rewrite("result.json", '[{"name": "mug"'), "result.json: is no whole JSON file"),
    (rewrite("result.json", "{}"), "result.json: must hold a list"),
    (rewrite("result.json", "[]"), "result.json: must hold a list of one root"),
    (rewrite("result.json", '[{"name": "mug"}]'), r"result.json: \[0\].id: is missing"),
    (rewrite("result.json", '[{"id": 1}]'), r"result.json: \[0\].name: is missing"),
    (rewrite("result.json", DEEP), "lies more than 100 levels deep"),
    (unlink("result.json"), "result.json: is missing, and result_after_merging.json too"),
    (rewrite("meta.json", '{"model_cat": "Lamp"}'), "meta.json: model_cat: is Lamp, not Mug"),
    (rewrite("meta.json", "{}"), "meta.json: model_cat: is missing"),
    (rewrite(LEAVES, "1\n2\n"), "must have a line for each of 5 points"),
    (rewrite(POINTS, "1 2 3\n1 2\n"), "rgba-10000.txt: must hold numbers in columns"),
    (rewrite(POINTS, "1 2\n" * 5), "must have x, y and z in each line"),
    (rewrite(POINTS, "1 2 3\n" * 4 + "1 2 nan\n"), "row 5 has a value that is not finite"),
    (rewrite(POINTS, ""), "rgba-10000.txt: is empty"),
]


@pytest.mark.parametrize(("damage", "text"), DAMAGE, ids=[row[1] for row in DAMAGE])
def test_what_is_wrong_with_a_shape_is_told_by_file(damage, text, tmp_path):
    folder = trees.write_raw(tmp_path)
    damage(folder)
    with pytest.raises(reading.UnreadableError, match=text):
        raw_folder.read(folder, TASK)


def test_neither_pair_of_points_and_labels_is_told_with_both(tmp_path):
    folder = trees.write_raw(tmp_path)
    for points, _ in raw_folder.SAMPLES:
        (folder / "point_sample" / points).unlink()
    with pytest.raises(reading.UnreadableError, match=r"pts-10000\.txt with label-10000\.txt"):
        raw_folder.read(folder, TASK)


def test_a_listed_shape_that_is_not_there_is_reported_and_others_are_read(tmp_path):
    trees.write_raw(tmp_path, "101")
    folder = trees.write_raw(tmp_path, "102")
    folder.rename(tmp_path / "moved_away")
    assert [scan.name for scan in reader.scans(tmp_path, task=TASK)] == ["101"]
    [problem] = reader.left_out(tmp_path, task=TASK)
    assert str(problem).endswith("102: is listed for test and not there; left out")


def test_the_place_of_a_shape_in_prediction_files_is_that_of_the_list(tmp_path):
    trees.write_raw(tmp_path, "200")
    trees.write_raw(tmp_path, "101")
    place = layout.find(tmp_path, TASK)
    assert [(one.name, one.file, one.row) for one in layout.shapes(place, TASK)] == [
        ("200", "test-00", 0),
        ("101", "test-00", 1),
    ]


def test_raw_shapes_need_the_lists_that_split_them(tmp_path):
    trees.write_raw(tmp_path)
    (tmp_path / "stats" / "train_val_test_split" / "Mug.test.json").unlink()
    with pytest.raises(FileNotFoundError, match="put `stats` beside their folder"):
        reader.scans(tmp_path, task=TASK)


@pytest.mark.parametrize("text", ['[{"anno_id": "../x"}]', '[{"anno_id": 7}]', "[{}", "{}"])
def test_a_damaged_list_is_told(text, tmp_path):
    trees.write_raw(tmp_path)
    (tmp_path / "stats" / "train_val_test_split" / "Mug.test.json").write_text(text)
    with pytest.raises(reading.UnreadableError, match=r"Mug\.test\.json"):
        reader.scans(tmp_path, task=TASK)


def test_there_are_50_tasks_with_495_classes():
    levels = [task.level for task in partnet.tasks()]
    parts = {level: 0 for level in partnet.LEVELS}
    for task in partnet.tasks():
        parts[task.level] += len(task.parts)
    assert [levels.count(level) for level in partnet.LEVELS] == [24, 9, 17]
    assert parts == {1: 104, 2: 140, 3: 251}
    assert len(partnet.categories()) == 24
    totals = {split: 0 for split in catalogue.SPLITS}
    for category in partnet.categories():
        for split, count in catalogue.num_shapes(category).items():
            totals[split] += count
    assert totals == {"train": 18_112, "val": 2_619, "test": 5_169}


def test_what_is_no_task_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"categories Bag, .*Vase\. Received: category='Sofa'"):
        partnet.Task("Sofa", 1)
    with pytest.raises(ValueError, match=r"Bottle has levels 1, 3\. Received: level=2"):
        partnet.Task("Bottle", 2)
    with pytest.raises(ValueError, match=r"Bag has level 1 only\. Received: level=3"):
        partnet.Task("Bag", 3)


def test_class_names_of_a_task_are_unique_whatever_the_level():
    for task in partnet.tasks():
        assert task.labels(other_as_class=True).num_classes == len(task.parts) + 1


def test_incomplete_data_are_not_called_partnet(tmp_path):
    trees.write(tmp_path / "mine", "ins_seg_h5", "train-00")
    made = partnet.describe(tmp_path / "mine", None, partnet.Choice(task=TASK))
    assert made.name == "mine-Mug-1"
    assert made.split().train == ("train",)
    trees.write(tmp_path / "partnet", "ins_seg_h5")
    made = partnet.describe(tmp_path / "partnet", None, partnet.Choice(task=TASK))
    assert made.name == "partnet_part-Mug-1"
    assert made.split().train == ()  # which training refuses


def test_complete_data_are(tmp_path, monkeypatch):
    trees.write(tmp_path, "ins_seg_h5")
    monkeypatch.setattr(catalogue, "num_shapes", lambda category: {"test": 2})
    assert partnet.describe(tmp_path, None, partnet.Choice(task=TASK)).name == "partnet-Mug-1"


def test_the_name_of_a_data_set_leads_back_to_its_task():
    for task in partnet.tasks():
        for other in (False, True):
            made = partnet.dataset(partnet.Choice(task=task, other_as_class=other), "a-b")
            assert partnet.task_of(made.name) == task
            assert partnet.has_other(made.name) == other


def test_an_experiment_sees_coordinates_alone_in_shapes_of_10000_points():
    experiment = partnet.dataset(partnet.Choice(task=TASK)).experiment()
    assert experiment.samples == Shapes(num_points=10_000)
    assert experiment.features.names == ("xyz",)
    assert [level.radius_m for level in experiment.network.backbone.encoder] == [0.2, 0.4, 0.8, 1.6]


def test_there_is_no_generated_data_of_most_categories():
    with pytest.raises(ValueError, match="generated data of Chair, Lamp, Table only"):
        partnet.source(partnet.Choice(task=TASK)).find(None, None)


def test_the_list_of_raw_shapes_may_lie_beside_their_folder(tmp_path):
    folder = trees.write_raw(tmp_path)
    assert layout.find(folder.parent, TASK).lists == tmp_path / "stats" / "train_val_test_split"
    assert json.loads((layout.find(folder.parent, TASK).lists / "Mug.test.json").read_text())
