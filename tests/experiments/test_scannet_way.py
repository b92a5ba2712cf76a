"""Raw scans of ScanNetV2 go the whole way: prepared, trained on, evaluated, handed in."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as framework_config

import scannet_trees
import tiny_runs
from ban_tf.config import reduced
from ban_tf.data import reading
from ban_tf.programs import evaluate_scannet, prepare_scannet, train_scannet

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
    # What was hardly trained has rarely left the collapse of untrained networks.
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]
TRAIN, VAL, HIDDEN = ("scene0191_00", "scene0191_01"), "scene0011_00", "scene0707_00"
NYU40 = {1: 2, 2: 1, 8: 5}  # of the classes of `tiny_runs.room`
NAMES = {2: "floor", 1: "wall", 5: "chair"}


def tiny(experiment):
    least = tiny_runs.experiment(blocks_per_epoch=4)
    network = dataclasses.replace(experiment.network, backbone=tiny_runs.BACKBONE)
    return dataclasses.replace(
        experiment, network=network, samples=least.samples, training=least.training
    )


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, "quick", tiny)
        tf.config.run_functions_eagerly(True)
        yield
    tf.config.run_functions_eagerly(False)
    framework_config.disable_op_determinism()


def write_room(folder, seed):
    """1500 vertices of a floor, a wall and two chairs; segments of about 50."""
    cloud = tiny_runs.room(folder.name, seed=seed)
    ids = [NYU40[kind] for kind in cloud.semantic.tolist()]
    rank = np.arange(len(cloud)) % 8
    segments = (10 * cloud.instance + rank).tolist()
    groups = [
        (NAMES[ids[row]], [10 * int(cloud.instance[row]) + k for k in range(8)])
        for row in np.unique(cloud.instance, return_index=True)[1]
    ]
    scannet_trees.write_scan(folder, ids, segments, groups, seed=seed, xyz=cloud.xyz)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    root = tmp_path_factory.mktemp("scannet_way") / "raw"
    for seed, name in enumerate((*TRAIN, VAL)):
        write_room(root / "scans" / name, seed)
    write_room(root / "scans_test" / HIDDEN, 5)
    scannet_trees.write_label_map(root)
    return root


@pytest.fixture(scope="module")
def run(raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scannet_run") / "run"
    train_scannet.main(["--data", str(raw), "--run", str(folder), "--quick"])
    return folder


def evaluate(*flags):
    evaluate_scannet.main([str(flag) for flag in flags])


def test_a_training_ends_with_the_papers_scores_and_the_official_ones(run, capsys):
    evaluate("--run", run)
    printed = capsys.readouterr().out
    assert "val, 1 cloud" in printed
    assert "ScanNet benchmark (official rules)" in printed
    scores = json.loads((run / "evaluation/covering/scores.json").read_text())
    assert "stuff_classes" not in scores  # wall and floor count as instances
    assert scores["benchmark"]["name"] == "scannet"


def test_a_submission_scores_to_the_numbers_of_the_evaluation(run, raw, tmp_path, capsys):
    out = tmp_path / "out"
    evaluate("--run", run, "--submission", out)
    assert "wrote 1 scans to" in capsys.readouterr().out
    evaluate("--score-submission", out, "--data", raw, "--json", tmp_path / "scores.json")
    scored = json.loads((tmp_path / "scores.json").read_text())
    found = json.loads((run / "evaluation/covering/scores.json").read_text())
    assert scored == {name: found["benchmark"][name] for name in scored}
    assert scored["mIoU"] is not None


def test_the_hidden_test_is_predicted_without_labels(run, tmp_path, capsys):
    out = tmp_path / "out"
    evaluate("--run", run, "--list", "test", "--submission", out)
    assert "wrote 1 scans to" in capsys.readouterr().out
    with zipfile.ZipFile(out / "semantic.zip") as file:
        assert file.namelist() == [f"{HIDDEN}.txt"]
        ids = file.read(f"{HIDDEN}.txt").split()
    assert len(ids) == 1500
    assert (run / "evaluation/covering_test").is_dir()


def test_what_was_trained_on_is_no_test(run):
    with pytest.raises(ValueError, match="was trained on train: a test of it says nothing"):
        evaluate("--run", run, "--list", "train")


def test_a_preparation_goes_on_past_a_damaged_scan(raw, tmp_path, capsys):
    broken = tmp_path / "raw"
    for name in (*TRAIN, VAL):
        write_room(broken / "scans" / name, 1)
    scannet_trees.write_label_map(broken)
    mesh = broken / "scans" / TRAIN[1] / f"{TRAIN[1]}_vh_clean_2.ply"
    mesh.write_bytes(mesh.read_bytes()[:200])
    flags = ["--data", str(broken), "--blocks", str(tmp_path / "blocks"), "--quick"]
    with pytest.raises(reading.UnreadableScansError, match=rf"1 of 3 scans .*{mesh.name}: header"):
        prepare_scannet.main(flags)
    assert sorted(path.stem for path in (tmp_path / "blocks").glob("*.h5")) == [VAL, TRAIN[0]]
    mesh.parent.rename(tmp_path / "away")
    prepare_scannet.main(flags)
    assert "2 clouds" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags",
    [
        ("--score-submission", "out"),
        ("--score-submission", "out", "--data", "raw", "--run", "run"),
        ("--submission", "out", "--protocol", "legacy"),
        ("--submission", "out", "--compare", "ban"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        evaluate(*flags)
    assert stop.value.code == 2
    assert "submission" in capsys.readouterr().err
