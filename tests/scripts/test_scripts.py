"""The scripts as a user calls them, on data and networks small enough for a test."""

import contextlib
import csv
import dataclasses
import importlib.util
import io
import json
import pathlib
import subprocess
import sys
import zipfile

import joblib
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as framework_config

import tiny_runs
from ban_tf import config
from ban_tf.config import reduced
from ban_tf.data import dataset, s3dis, store
from ban_tf.experiments import choosing, command_line, folds, requests, running, workflow
from ban_tf.experiments.doctor import estimation
from ban_tf.instances import scikit_learn
from ban_tf.metrics.evaluators import METRICS
from ban_tf.model import networks
from ban_tf.training import checkpoints, runs
from places import ROOT

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
    # What was hardly trained has rarely left the collapse of untrained networks.
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]

FIXTURES = ROOT.parent / "shared" / "fixtures"
LEGACY_EVAL, TF1 = FIXTURES / "legacy_eval", FIXTURES / "tf1"
SCRIPTS = (
    "train/train_s3dis.py",
    "train/prepare_s3dis.py",
    "eval/eval_s3dis.py",
    "eval/figures.py",
    "eval/eval_ablation.py",
)


def load(script: str):
    path = ROOT / script
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TRAIN, PREPARE, EVALUATE, FIGURES, ABLATE = map(load, SCRIPTS)


def call(module, *argv) -> str:
    """What `main` prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        module.main([str(arg) for arg in argv])
    return printed.getvalue()


def tiny(experiment: config.Experiment) -> config.Experiment:
    least = tiny_runs.experiment(blocks_per_epoch=4)
    return dataclasses.replace(
        experiment,
        samples=dataclasses.replace(least.samples, num_points=256),
        network=dataclasses.replace(least.network, name=experiment.network.name),
        training=least.training,
        inference=dataclasses.replace(least.inference, batch_size=16),
    )


def tiny_demo() -> dataset.Dataset:
    made = s3dis.dataset(areas=(1, 2), name="demo")
    return dataclasses.replace(made, stand_in=small_building)


def small_building(root, seed):
    s3dis.write_building(root, 2, seed=seed, rooms_per_area=2, points_per_m2=300)


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    """Reduced settings that take seconds; TensorFlow is left as it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, "quick", tiny)
        patch.setattr(s3dis, "SOURCE", dataclasses.replace(s3dis.SOURCE, demo=tiny_demo))
        yield
    tf.config.run_functions_eagerly(False)
    framework_config.disable_op_determinism()


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[pathlib.Path, str]:
    """Where `train_s3dis.py` was called without an argument, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    with contextlib.chdir(folder):
        printed = call(TRAIN)
    tf.config.run_functions_eagerly(True)  # the others need not be traced
    return folder, printed


@pytest.fixture
def in_demo(demo, monkeypatch) -> runs.Run:
    """The finished run of the demo, with its folder as the working directory."""
    monkeypatch.chdir(demo[0])
    return runs.load(pathlib.Path("runs/demo"))


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> pathlib.Path:
    """Raw scans of two areas that are not S3DIS's."""
    root = tmp_path_factory.mktemp("raw") / "scans"
    return tiny_runs.write_raw(root, tiny_runs.rooms(kind="tabletop"))


def experiment_of(argv: list[str]) -> config.Experiment:
    """What `train_s3dis.py` would train with these flags."""
    request = command_line.request(requests.Training, TRAIN.parse_args(argv))
    found = s3dis.SOURCE.find(request.data, request.blocks)
    return choosing.for_training(request, found)


def scores(folder: pathlib.Path) -> dict:
    return json.loads((folder / "scores.json").read_text(encoding="utf-8"))


# --- without an argument ---


def test_settings_are_estimated_from_the_runs_own_data(in_demo):
    printed = call(EVALUATE, "--estimate")
    assert "mean instance sizes" in printed
    assert "block size" in printed
    assert "bandwidth" in printed


def test_a_collapsed_embedding_is_explained_after_training(in_demo, monkeypatch):
    instance = np.arange(4 * 64, dtype=np.int32).reshape(4, 64) % 3
    flat = np.zeros((4, 64, 5), np.float32)
    monkeypatch.setattr(estimation, "embed_sample", lambda *_: (flat, instance))
    blocks = store.Store.open(in_demo.sources().blocks)
    model = checkpoints.load_model(in_demo.folder)
    finding = workflow.find_collapse(model, blocks, in_demo.experiment)
    assert "collapsed" in str(finding)
    spread = (3.0 * instance[..., None]).repeat(5, axis=-1).astype(np.float32)
    monkeypatch.setattr(estimation, "embed_sample", lambda *_: (spread, instance))
    assert workflow.find_collapse(model, blocks, in_demo.experiment) is None


def test_the_demo_says_what_training_gained_and_where_everything_lies(demo):
    folder, printed = demo
    assert "256 points per block of 1 m at stride 1 m, 2 epochs of 4 samples" in printed
    assert "untrained → trained: mIoU" in printed
    assert "Instance segmentation, Area 2, covering protocol" in printed
    paths = dict(
        line.split(maxsplit=1)
        for line in printed.splitlines()
        if line.startswith(("network ", "log ", "predictions "))
    )
    assert set(paths) == {"network", "log", "predictions"}
    for path in paths.values():
        assert (folder / path).exists(), path
    assert "python eval/eval_s3dis.py --run runs/demo\n" in printed
    assert "train_s3dis.py --data Stanford3dDataset_v1.2_Aligned_Version" in printed


def test_the_demo_prints_what_it_wrote(demo):
    folder, printed = demo
    before = scores(folder / "runs/demo/evaluation/untrained")
    after = scores(folder / "runs/demo/evaluation/covering")
    gain = [f"{100 * before[name]:.1f} → {100 * after[name]:.1f}" for name in ("mIoU", "mCov")]
    assert f"untrained → trained: mIoU {gain[0]}, mCov {gain[1]}" in printed


def test_the_demo_leaves_a_whole_run_folder(in_demo):
    assert in_demo.is_trained
    assert in_demo.experiment == tiny(tiny_demo().experiment())
    with in_demo.log_file.open(newline="", encoding="utf-8") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert list(in_demo.tensorboard_folder.rglob("events.*"))
    assert store.Store.open(in_demo.sources().blocks).settings.dataset == "demo"
    leftovers = [p for p in in_demo.folder.rglob("*") if "tmp" in p.name or ".part" in p.name]
    assert not leftovers


def test_the_same_command_again_refuses_the_finished_run(in_demo):
    before = in_demo.model_file.read_bytes()
    with pytest.raises(ValueError, match=r"runs/demo holds a finished run"):
        TRAIN.main([])
    assert in_demo.model_file.read_bytes() == before


# --- evaluation from the checkpoint alone ---


def test_evaluation_without_an_argument_repeats_the_numbers_of_the_newest_run(in_demo):
    folder = in_demo.evaluation_folder("covering")
    files = ("scores.json", "tables.md", "tables.csv")
    before = {name: (folder / name).read_bytes() for name in files}
    labels = {p.name: dict(np.load(p)) for p in (folder / "predictions").iterdir()}
    for name in files:
        (folder / name).unlink()
    tf.config.run_functions_eagerly(False)  # as in the demo: traced, sums round differently
    printed = call(EVALUATE)
    tf.config.run_functions_eagerly(True)
    assert "evaluating runs/demo/model.keras on Area 2 of demo" in printed
    assert {name: (folder / name).read_bytes() for name in files} == before
    for name, arrays in labels.items():
        with np.load(folder / "predictions" / name) as again:
            for field, values in arrays.items():
                np.testing.assert_array_equal(again[field], values)


def test_scikit_learn_may_cluster_in_evaluation_to_the_same_scores(in_demo, monkeypatch):
    before = (in_demo.evaluation_folder("covering") / "scores.json").read_bytes()
    asked, reference = [], scikit_learn.mean_shift
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)  # in this process
    monkeypatch.setattr(scikit_learn, "mean_shift", lambda *a: (asked.append(a), reference(*a))[1])
    tf.config.run_functions_eagerly(False)  # as in the demo: traced, sums round differently
    call(EVALUATE, "--clusterer", "sklearn")
    tf.config.run_functions_eagerly(True)
    assert asked
    assert (in_demo.evaluation_folder("covering") / "scores.json").read_bytes() == before
    assert runs.load(in_demo.folder).experiment.inference.clusterer == "native"


def test_scikit_learn_may_cluster_after_training():
    for argv, clusterer in ([], "native"), (["--clusterer", "sklearn"], "sklearn"):
        assert experiment_of(argv).inference.clusterer == clusterer


def test_legacy_predictions_scored_as_files_give_the_same_seven_scores(in_demo, tmp_path):
    call(EVALUATE, "--run", "runs/demo", "--protocol", "legacy")
    folder = in_demo.evaluation_folder("legacy")
    call(EVALUATE, "--predictions", folder / "predictions", "--json", tmp_path / "scores.json")
    written, read = scores(folder), scores(tmp_path)
    assert read["protocol"] == written["protocol"] == "legacy"
    assert [read[name] for name in METRICS] == [written[name] for name in METRICS]
    assert read["strict"] == written["strict"]
    assert read["per_class"] == written["per_class"]


def test_a_checkpoint_is_evaluated_beside_the_finished_network(in_demo):
    before = (in_demo.evaluation_folder("covering") / "scores.json").read_bytes()
    checkpoint = in_demo.checkpoint_file(1)
    printed = call(EVALUATE, "--model", checkpoint)
    assert f"evaluating {checkpoint} on" in printed
    written = in_demo.folder / "evaluation" / "covering_epoch_0001"
    assert scores(written)["mIoU"] != scores(in_demo.evaluation_folder("covering"))["mIoU"]
    assert (in_demo.evaluation_folder("covering") / "scores.json").read_bytes() == before


def test_a_model_may_be_named_by_folder_or_file(in_demo):
    for model in (in_demo.folder, in_demo.model_file):
        assert f"evaluating {in_demo.model_file} on" in call(EVALUATE, "--model", model)


def test_other_data_get_a_name_and_a_folder_of_their_own(in_demo, scans):
    before = (in_demo.evaluation_folder("covering") / "scores.json").read_bytes()
    printed = call(EVALUATE, "--run", in_demo.folder, "--data", scans)
    assert "on scans, Area 2, 2 clouds" in printed
    written = scores(in_demo.folder / "evaluation" / "covering_scans")
    assert written["dataset"] == "scans"
    assert (in_demo.evaluation_folder("covering") / "scores.json").read_bytes() == before


def test_the_run_s_own_data_may_be_named_too(in_demo):
    own = in_demo.sources()
    printed = call(EVALUATE, "--run", in_demo.folder, "--data", own.data, "--blocks", own.blocks)
    assert f"wrote {in_demo.evaluation_folder('covering')}\n" in printed


def test_a_network_of_other_classes_is_one_message(in_demo, tmp_path):
    network = dataclasses.replace(in_demo.experiment.network, num_classes=4)
    copy = in_demo.folder / "other.keras"
    checkpoints.export(networks.build(network), copy)
    with pytest.raises(ValueError, match=r"other\.keras is of another network than .*config\.json"):
        EVALUATE.main(["--model", str(copy)])
    copy.unlink()


def test_figures_draw_an_evaluated_room(in_demo, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not among the test extras")
    call(FIGURES, "--out", tmp_path / "room.png")
    assert (tmp_path / "room.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["room.png"]


def test_figures_name_the_rooms_they_could_draw(in_demo):
    with pytest.raises(FileNotFoundError, match=r"no prediction of a cloud 'Area_9_x'.*Area_2_"):
        FIGURES.main(["--cloud", "Area_9_x"])


# --- real input ---


@pytest.fixture(scope="module")
def six_fold(demo, scans, tmp_path_factory) -> tuple[pathlib.Path, str]:
    """Both folds of the scans, and what training them printed."""
    parent = tmp_path_factory.mktemp("six") / "run"
    return parent, call(TRAIN, "--data", scans, "--quick", "--six-fold", "--run", parent)


def test_six_fold_training_makes_one_run_per_area(six_fold):
    parent, printed = six_fold
    found = folds.finished(parent)
    assert [run.experiment.split.test for run in found] == [("Area_1",), ("Area_2",)]
    assert printed.count("untrained → trained") == 2
    assert f"eval_s3dis.py --run {parent} --six-fold\n" in printed


def test_six_fold_evaluation_pools_the_rooms_of_all_areas(six_fold):
    parent, _ = six_fold
    printed = call(EVALUATE, "--run", parent, "--six-fold")
    pooled = scores(parent / "evaluation" / "covering")
    assert pooled["test"] == ["Area_1", "Area_2"]
    assert "on scans, Area 1, Area 2, 4 clouds" in printed
    single = [scores(parent / f"area{area}" / "evaluation" / "covering") for area in (1, 2)]
    correct = sum(one["oAcc"] for one in single) / 2  # all rooms have the same number of points
    assert pooled["oAcc"] == pytest.approx(correct, rel=1e-9)


def test_a_stopped_six_fold_training_does_only_what_is_left(six_fold, scans):
    parent, _ = six_fold
    finished = (parent / "area1" / "model.keras").read_bytes()
    expected = checkpoints.load_model(parent / "area2").get_weights()
    (parent / "area2" / "model.keras").unlink()
    with pytest.raises(ValueError, match="area2 is not finished"):
        EVALUATE.main(["--run", str(parent), "--six-fold"])
    printed = call(TRAIN, "--data", scans, "--quick", "--six-fold", "--run", parent)
    assert printed.count("untrained → trained") == 1
    assert (parent / "area1" / "model.keras").read_bytes() == finished
    for got, value in zip(
        checkpoints.load_model(parent / "area2").get_weights(), expected, strict=True
    ):
        np.testing.assert_array_equal(got, value)
    with pytest.raises(ValueError, match="holds a finished training of all splits"):
        TRAIN.main(["--data", str(scans), "--quick", "--six-fold", "--run", str(parent)])


def test_folds_of_another_setting_are_refused(six_fold, scans):
    parent, _ = six_fold
    argv = [
        "--data",
        str(scans),
        "--quick",
        "--six-fold",
        "--batch-size",
        "3",
        "--run",
        str(parent),
    ]
    with pytest.raises(ValueError, match=r"training.batch_size: 4 there, 3 asked for"):
        TRAIN.main(argv)


def test_one_run_of_six_folds_is_not_mistaken_for_a_run(six_fold):
    with pytest.raises(ValueError, match="name one of them, or evaluate them together"):
        EVALUATE.main(["--run", str(six_fold[0])])


def test_blocks_prepared_apart_carry_the_name_of_their_data(scans, tmp_path):
    blocks = tmp_path / "blocks"
    printed = call(PREPARE, "--data", scans, "--blocks", blocks, "--quick")
    assert f"{blocks}: 4 clouds of 1.99 x 2 x 1.3 m in the median, " in printed
    experiment = experiment_of(["--blocks", str(blocks), "--quick"])
    assert experiment.dataset == "scans"
    assert (experiment.split.train, experiment.split.test) == (("Area_1",), ("Area_2",))
    assert experiment_of(["--data", str(scans), "--blocks", str(blocks), "--quick"]) == experiment


def test_the_rate_asked_for_is_the_one_trained_with():
    rate = experiment_of(["--learning-rate", "2e-4"]).training.learning_rate
    assert rate == dataclasses.replace(experiment_of([]).training.learning_rate, initial=2e-4)


def test_a_rate_below_the_schedule_s_limit_is_trained_with():
    rate = experiment_of(["--learning-rate", "1e-6"]).training.learning_rate
    assert (rate.initial, rate.limit) == (1e-6, 1e-6)


def test_a_part_of_s3dis_is_trained_under_a_name_of_its_own(tmp_path):
    root = tiny_runs.write_raw(tmp_path / "s3dis", tiny_runs.rooms(areas=(1, 5)))
    experiment = experiment_of(["--data", str(root)])
    assert experiment.dataset == "s3dis_part"
    assert (experiment.split.train, experiment.split.test) == (("Area_1",), ("Area_5",))


def test_one_area_alone_cannot_be_trained_on(tmp_path):
    root = tiny_runs.write_raw(tmp_path / "raw", tiny_runs.rooms(areas=(5,)))
    with pytest.raises(ValueError, match="leaves nothing to train on once Area 5 is held out"):
        TRAIN.main(["--data", str(root), "--run", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_are_refused_before_anything_is_written(in_demo, tmp_path):
    argv = ["--weights", in_demo.model_file, "--network", "pointnet", "--run", tmp_path / "other"]
    for more in ([], ["--six-fold"]):
        with pytest.raises(ValueError, match=r"model\.keras is of another network.* shape .*asked"):
            TRAIN.main([*map(str, argv), *more])
    assert not list(tmp_path.iterdir())


def test_a_batch_larger_than_an_epoch_is_refused_before_anything_is_read(scans, tmp_path):
    argv = ["--data", str(scans), "--quick", "--batch-size", "5", "--run", str(tmp_path / "run")]
    with pytest.raises(ValueError, match=r"`batch_size` must be at most 4.*batch_size=5"):
        TRAIN.main(argv)
    assert not list(tmp_path.iterdir())


def test_a_batch_larger_than_the_data_begins_no_run(scans, tmp_path):
    argv = ["--data", str(scans), "--batch-size", "100000", "--run", str(tmp_path / "run")]
    with pytest.raises(ValueError, match=r"at least one batch.*batch_size=100000"):
        TRAIN.main(argv)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["blocks"]


def test_training_goes_on_from_the_weights_of_another_run(in_demo, tmp_path):
    argv = ["--weights", in_demo.model_file, "--run", tmp_path / "further"]
    printed = call(TRAIN, *argv)
    trained = scores(in_demo.evaluation_folder("covering"))
    assert f"before → trained: mIoU {100 * trained['mIoU']:.1f} → " in printed


# --- several systems, variants of one, and the originals' ---


def test_systems_are_compared_in_one_table(in_demo, tmp_path):
    other = tmp_path / "baseline"
    call(TRAIN, "--network", "pointnet2", "--epochs", "1", "--run", other)
    json_file = tmp_path / "compared.json"
    printed = call(EVALUATE, "--compare", in_demo.folder, other, "--json", json_file)
    lines = printed.splitlines()
    assert not [line for line in lines if line.startswith("Ours ")]  # of S3DIS, not of the demo
    own = scores(in_demo.evaluation_folder("covering"))
    row = next(line.split() for line in lines if line.startswith("BAN (ours)"))
    assert row[-4:] == [f"{100 * own[name]:.1f}" for name in ("mCov", "mWCov", "mPrec", "mRec")]
    assert len([line for line in lines if line.startswith("PointNet++ (ours)")]) == 3
    compared = json.loads(json_file.read_text(encoding="utf-8"))
    assert [row["system"] for row in compared] == ["BAN", "PointNet++"]
    assert compared[0]["mCov"] == own["mCov"]
    assert "evaluating" not in printed  # both were, after their training
    path = other / "evaluation" / "covering" / "result.json"
    path.write_text(path.read_text().replace('"models": [', '"models": ["0", '))
    assert "evaluating" in call(EVALUATE, "--compare", other)


def test_a_network_is_found_by_its_name_for_comparison(in_demo):
    assert "BAN (ours)" in call(EVALUATE, "--compare", "ban")


def test_an_ablation_ends_in_a_table_and_repeats_nothing(in_demo, tmp_path):
    argv = ["--run", tmp_path / "a", "--epochs", "1", "--seeds", "1", "--variants", "none"]
    printed = call(ABLATE, *argv, "STOI then ITOS")
    assert "[2/2] STOI then ITOS, seed 0: training, evaluating" in printed
    assert "STOI then ITOS (ours)" in printed
    assert "no spread, for which at least 3 are needed" in printed
    written = (tmp_path / "a" / "ablation.md").read_text(encoding="utf-8")
    assert written.count("### ") == 3
    trained = tmp_path / "a" / "none_seed0" / "model.keras"
    before = trained.stat().st_mtime_ns
    again = call(ABLATE, *argv, "STOI then ITOS")
    assert "[1/2] none, seed 0: done before" in again
    assert (
        again.split("seed 0: ")[-1].split("\n", 1)[1]
        == (printed.split("seed 0: ")[-1].split("\n", 1)[1])
    )
    assert trained.stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.skipif(not TF1.is_dir(), reason="recorded checkpoints are not in the package")
@pytest.mark.parametrize("network", ["ban", "asis", "jsnet"])
def test_a_checkpoint_of_the_originals_is_evaluated_on_named_data(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(TF1 / network / "checkpoint.zip") as archive:
        archive.extractall(tmp_path / "log5")
    tiny_runs.write_raw(tmp_path / "raw", [tiny_runs.room("Area_5_scan_1", 5000, size_m=1.0)])
    argv = ["--network", network, "--tf1-checkpoint", "log5", "--data", "raw"]
    printed = call(EVALUATE, *argv, "--json", "scores.json")
    read = scores(tmp_path)
    assert (read["test"], read["num_points"]) == (["Area_5"], 5000)
    assert 0 <= read["oAcc"] < 0.9  # nothing in it is trained
    title = {"ban": "BAN", "asis": "ASIS", "jsnet": "JSNet"}[network]
    assert f"{title} (this run)" in printed


# --- prediction files of the originals ---


@pytest.mark.skipif(not LEGACY_EVAL.is_dir(), reason="recorded predictions are not in the package")
def test_the_originals_numbers_are_met(tmp_path):
    argv = ["--predictions", LEGACY_EVAL / "test_results", "--protocol", "legacy"]
    call(EVALUATE, *argv, "--json", tmp_path / "scores.json")
    got = scores(tmp_path)
    expected = json.loads((LEGACY_EVAL / "expected.json").read_text(encoding="utf-8"))
    names = {
        "mCov": "mMUCov",
        "mWCov": "mMWCov",
        "mPrec": "mPrecision",
        "mRec": "mRecall",
        "mAcc": "mAcc",
        "mIoU": "mIoU",
        "oAcc": "oAcc",
    }
    for ours, theirs in names.items():
        value = expected["printed"].get(theirs, expected["printed"].get(ours))
        assert got[ours] == pytest.approx(value, abs=1e-9), ours


def test_predictions_of_other_rooms_do_not_stand_beside_the_paper(in_demo, tmp_path):
    call(EVALUATE, "--run", "runs/demo", "--protocol", "legacy")
    for path in (in_demo.evaluation_folder("legacy") / "predictions").iterdir():
        name = path.name.replace("lounge", "loungezone").replace("office", "bureau")
        (tmp_path / name).write_bytes(path.read_bytes())
    printed = call(EVALUATE, "--predictions", tmp_path)
    assert tmp_path.name in printed
    assert "paper" not in printed.replace("as in the paper", "")


# --- bad input ---


@pytest.mark.parametrize(
    ("module", "argv", "message"),
    [
        (TRAIN, ["--data", "nowhere"], "nowhere is not a folder"),
        (TRAIN, ["--blocks", "nowhere"], "There are no prepared blocks in nowhere"),
        (TRAIN, ["--test-area", "9"], "--test-area or --split of demo must be one of area1, area2"),
        (TRAIN, ["--test-area", "0"], "--test-area or --split of demo must be one of area1, area2"),
        (TRAIN, ["--epochs", "0"], "--epochs must be at least 1"),
        (TRAIN, ["--batch-size", "0"], "--batch-size must be at least 1"),
        (TRAIN, ["--seed", "-1"], "--seed must be a whole number from 0 to 4294967295"),
        (TRAIN, ["--weights", "nowhere.keras"], "There is no model at nowhere.keras"),
        (PREPARE, ["--data", "nowhere", "--blocks", "b"], "nowhere is not a folder"),
        (EVALUATE, [], "There is no run below runs"),
        (EVALUATE, ["--run", "nowhere"], "nowhere is not a run folder"),
        (EVALUATE, ["--model", "x/nowhere.keras"], "nowhere.keras lies in no run folder"),
        (
            EVALUATE,
            ["--run", "nowhere", "--six-fold"],
            "holds no training of several folds",
        ),
        (EVALUATE, ["--predictions", "nowhere"], "no such folder of prediction files"),
        (EVALUATE, ["--compare", "asis"], "There is no run of asis below runs"),
        (EVALUATE, ["--compare", "nowhere"], "nowhere is not a run folder"),
        (ABLATE, ["--data", "nowhere"], "nowhere"),
        (ABLATE, ["--seeds", "0"], "--seeds must be at least 1"),
        (FIGURES, [], "There is no run below runs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_message_and_leaves_nothing(
    module, argv, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", *argv])
    with pytest.raises(SystemExit) as stop:
        running.run(module.main)
    assert stop.value.code == 1
    printed = capsys.readouterr().err
    errors = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("module", "argv", "message"),
    [
        (TRAIN, ["--six-fold", "--test-area", "1"], "not allowed with argument"),
        (TRAIN, ["--epoch-count", "3"], "unrecognized arguments"),
        (PREPARE, ["--data", "raw"], "the following arguments are required: --blocks"),
        (EVALUATE, ["--run", "a", "--model", "b"], "--run and --model each say what to evaluate"),
        (EVALUATE, ["--compare", "a", "--run", "b"], "--run and --compare each say what"),
        (EVALUATE, ["--network", "ban"], "--tf1-checkpoint and --network go together"),
        (EVALUATE, ["--test-area", "1"], "which split to test goes with --tf1-checkpoint"),
        (ABLATE, ["--variants", "both"], "invalid choice"),
        (EVALUATE, ["--six-fold", "--model", "b"], "several folds need --run"),
        (EVALUATE, ["--protocol", "random"], "invalid choice"),
        (EVALUATE, ["--estimate", "--out", "a"], "--out is where the results of an evaluation go"),
        (EVALUATE, ["--predictions", "a", "--data", "b"], "--predictions scores files as they are"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_flags_that_contradict_are_refused(module, argv, message, capsys):
    with pytest.raises(SystemExit) as stop:
        module.main(argv)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


# --- as programs ---


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_shows_the_command(script, capsys):
    with pytest.raises(SystemExit) as stop:
        load(script).main(["--help"])
    assert stop.value.code == 0
    assert f"python {script}" in capsys.readouterr().out


def run_script(script, *argv, cwd):
    return subprocess.run(
        [sys.executable, ROOT / script, *argv], cwd=cwd, capture_output=True, text=True, timeout=300
    )


def test_missing_data_exit_with_1_and_a_line(tmp_path):
    done = run_script("train/train_s3dis.py", "--data", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        len([line for line in done.stderr.splitlines() if line.startswith("error: nowhere")]) == 1
    )
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_starts_in_a_process_of_its_own(script, tmp_path):
    done = run_script(script, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"python {script}" in done.stdout
