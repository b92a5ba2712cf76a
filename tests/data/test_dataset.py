"""What a data set is, and which one lies in a user's folders."""

import dataclasses
import json

import pytest

import raw_trees
import tiny_runs
from ban_tf import config
from ban_tf.data import dataset, preparation, s3dis

LABELS = config.Labels(class_names=("desk", "lamp"))
SPLITS = (
    config.Split(name="val", train=("scan1",), test=("scan2",)),
    config.Split(name="test", train=("scan1", "scan2"), test=("scan3",)),
)


def desks(**changes):
    options = {"name": "desks", "labels": LABELS, "splits": SPLITS}
    return dataset.Dataset(**options | {"scans": lambda root, names: []} | changes)


def test_the_default_split_is_the_first_unless_named():
    assert desks().split() == SPLITS[0]
    assert desks().split("test") == SPLITS[1]
    assert desks(default_split="test").split() == SPLITS[1]
    with pytest.raises(ValueError, match="`split` of desks must be one of val, test"):
        desks().split("5")


@pytest.mark.parametrize(
    ("splits", "message"),
    [((), "at least one split"), ((SPLITS[0], SPLITS[0]), "every split needs a name of its own")],
)
def test_splits_without_a_name_of_their_own_are_refused(splits, message):
    with pytest.raises(ValueError, match=message):
        desks(splits=splits)


def test_an_experiment_takes_everything_from_its_data_set():
    shapes = desks(features=config.Features(names=("xyz",)), samples=config.Shapes())
    experiment = shapes.experiment("test", network="sgpn")
    assert experiment.dataset == "desks"
    assert experiment.labels == LABELS
    assert experiment.split == SPLITS[1]
    assert (experiment.features, experiment.samples) == (shapes.features, shapes.samples)
    assert (experiment.network.num_classes, experiment.network.num_features) == (2, 3)
    assert experiment.training == config.RECIPES["sgpn"]


def test_a_source_finds_the_generated_data_where_nothing_is_given(tmp_path):
    always = dataset.always(desks())
    assert always.find(tmp_path, None).name == "desks"
    with pytest.raises(ValueError, match="`data` or `blocks` must be given"):
        always.find(None, None)
    generated = dataclasses.replace(always, demo=lambda: desks(name="made"))
    assert generated.find(None, None).name == "made"
    assert generated.find(None, tmp_path).name == "desks"


def test_a_stand_in_is_generated_once(tmp_path, capsys):
    calls = []

    def stand_in(root, seed):
        calls.append(seed)
        root.mkdir()

    made = desks(stand_in=stand_in)
    for _ in range(2):
        assert preparation.generate(made, tmp_path / "raw", seed=7) == tmp_path / "raw"
    assert calls == [7]
    assert capsys.readouterr().out.count("generating desks") == 1
    with pytest.raises(ValueError, match="desks has no generator: give the raw data"):
        preparation.generate(desks(), tmp_path / "raw", seed=0)


# S3DIS


def test_s3dis_tests_on_each_area_and_by_default_on_the_fifth():
    whole = s3dis.dataset()
    assert [split.name for split in whole.splits] == [f"area{area}" for area in range(1, 7)]
    assert whole.split().test == ("Area_5",)
    assert whole.split("area2").train == ("Area_1", "Area_3", "Area_4", "Area_5", "Area_6")
    assert whole.labels.num_classes == 13
    assert whole.labels.stuff == ()


def rooms_of_s3dis():
    return [f"Area_{1 + k % 6}_office_{k}" for k in range(272)]


def test_only_all_of_s3dis_is_called_so(tmp_path):
    assert s3dis.SOURCE.of_clouds(tmp_path / "any", rooms_of_s3dis()).name == "s3dis"
    part = s3dis.SOURCE.of_clouds(tmp_path / "s3dis", rooms_of_s3dis()[:-1])
    assert part.name == "s3dis_part"
    other = s3dis.SOURCE.of_clouds(tmp_path / "any", [*rooms_of_s3dis()[:-1], "Area_1_desks_1"])
    assert other.name == "any"


def test_some_areas_are_a_data_set_of_their_own(tmp_path):
    raw_trees.write_tree(tmp_path / "mine")
    found = s3dis.describe(tmp_path / "mine", None)
    assert found.name == "mine"
    assert [split.name for split in found.splits] == ["area1", "area2"]
    assert found.split() == config.Split(name="area2", train=("Area_1",), test=("Area_2",))


def test_one_area_alone_is_a_test_with_nothing_to_train_on(tmp_path):
    raw_trees.write_room(tmp_path / "mine" / "Area_3" / "office_1", {"wall_1": 5})
    found = s3dis.describe(tmp_path / "mine", None)
    assert found.split() == config.Split(name="area3", train=(), test=("Area_3",))


def test_clouds_whose_names_tell_no_area_are_one_test(tmp_path):
    found = s3dis.SOURCE.of_clouds(tmp_path / "mine", ["scan_2", "scan_1"])
    assert found.split() == config.Split(name="all", train=(), test=("scan_1", "scan_2"))


def test_a_store_tells_the_name_of_its_data(tmp_path):
    experiment = tiny_runs.experiment(name="mine")
    tiny_runs.prepare(tiny_runs.rooms(), tmp_path / "blocks", experiment)
    found = s3dis.describe(None, tmp_path / "blocks")
    assert found.name == "mine"
    assert found.split().test == ("Area_2",)


def test_nothing_to_describe_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`data` or `blocks` must be given"):
        s3dis.describe(None, None)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        s3dis.describe(tmp_path / "nowhere", None)
    with pytest.raises(FileNotFoundError, match="There are no prepared blocks in"):
        s3dis.describe(None, tmp_path / "nowhere")


def test_the_generated_building_is_the_demo():
    found = s3dis.SOURCE.find(None, None)
    assert found.name == "demo"
    assert found.split().test == ("Area_3",)
    assert s3dis.demo().split == found.split()


# From raw data to a store


@pytest.fixture
def raw(tmp_path):
    return tiny_runs.write_raw(tmp_path / "mine", tiny_runs.rooms())


def test_raw_rooms_become_a_store_with_their_clouds_and_a_report(raw, tmp_path):
    made = s3dis.describe(raw, None)
    experiment = tiny_runs.experiment(name="mine")
    opened = preparation.prepare(made, raw, tmp_path / "blocks", experiment)
    names = [f"Area_{area}_office_{number}" for area in (1, 2) for number in (1, 2)]
    assert [cloud.name for cloud in opened.clouds] == names
    assert opened.groups == ("Area_1", "Area_2")
    assert opened.load_cloud(names[0]).group == "Area_1"
    assert (tmp_path / "blocks" / "clouds" / "reading_report.txt").is_file()
    again = preparation.prepare_or_open(made, None, tmp_path / "blocks", experiment)
    assert again.select(["Area_1"]).clouds[0].name == names[0]


def test_a_part_is_prepared_and_the_rest_added(raw, tmp_path):
    made, experiment = s3dis.describe(raw, None), tiny_runs.experiment(name="mine")
    part = preparation.prepare(made, raw, tmp_path / "b", experiment, names=["Area_2"])
    assert part.groups == ("Area_2",)
    both = preparation.prepare(made, raw, tmp_path / "b", experiment, names=["Area_1"])
    assert both.groups == ("Area_1", "Area_2")


def test_a_room_moved_to_another_area_leaves_the_first(raw, tmp_path):
    made, experiment = s3dis.describe(raw, None), tiny_runs.experiment(name="mine")
    preparation.prepare(made, raw, tmp_path / "b", experiment)
    (raw / "Area_2" / "office_2").rename(raw / "Area_1" / "office_3")
    opened = preparation.prepare(made, raw, tmp_path / "b", experiment)
    assert [cloud.name for cloud in opened.select(["Area_2"]).clouds] == ["Area_2_office_1"]
    assert len(opened.select(["Area_1"]).clouds) == 3


def test_the_manifest_names_data_classes_and_channels(raw, tmp_path):
    made, experiment = s3dis.describe(raw, None), tiny_runs.experiment(name="mine")
    preparation.prepare(made, raw, tmp_path / "b", experiment)
    made_with = json.loads((tmp_path / "b" / "manifest.json").read_text())["made_with"]
    assert made_with["dataset"] == "mine"
    assert made_with["class_names"] == list(s3dis.LABELS.class_names)
    assert made_with["features"] == ["block_xyz", "rgb", "room_xyz"]
    assert made_with["samples"]["kind"] == "blocks"
