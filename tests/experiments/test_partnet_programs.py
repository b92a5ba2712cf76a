"""The programs for PartNet, from generated furniture to tables, prediction files and a study."""

import dataclasses
import json
import pathlib
import sys

import pytest
import tensorflow as tf
from tensorflow.python.framework import config as framework_config

import tiny_runs
from ban_tf import Shapes
from ban_tf.config import reduced
from ban_tf.data import partnet
from ban_tf.data.partnet import writer
from ban_tf.experiments.commands import train as training
from ban_tf.programs import evaluate_partnet, partnet_flags, train_partnet

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
    # What was hardly trained has rarely left the collapse of untrained networks.
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]
NUM_SHAPES = {"train": 4, "val": 1, "test": 2}


def tiny(experiment):
    least = tiny_runs.experiment(blocks_per_epoch=4, num_epochs=1)
    network = dataclasses.replace(experiment.network, backbone=tiny_runs.BACKBONE)
    return dataclasses.replace(
        experiment, samples=Shapes(num_points=128), network=network, training=least.training
    )


def write_demo(root, seed, category):
    writer.write_h5(root, (category,), NUM_SHAPES, num_points=200, seed=seed)


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, "quick", tiny)
        # The package gives its function under the module's name.
        patch.setattr(sys.modules["ban_tf.data.partnet.dataset"], "_write_demo", write_demo)
        tf.config.run_functions_eagerly(True)
        yield
    tf.config.run_functions_eagerly(False)
    framework_config.disable_op_determinism()


@pytest.fixture
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_here")
def test_from_nothing_to_tables_and_to_prediction_files_of_the_same_score(capsys):
    train_partnet.main(["--level", "1"])
    printed = capsys.readouterr().out
    assert "BAN on furniture-Chair-1, test, 2 clouds" in printed
    assert "evaluate     python eval/eval_partnet.py --run runs/furniture-Chair-1" in printed
    run = "runs/furniture-Chair-1"
    evaluate_partnet.main(["--run", run, "--write-h5", "predicted"])
    printed = capsys.readouterr().out
    assert "PartNet benchmark (official rules)" in printed
    assert "wrote predicted/test-00.h5" in printed
    data = f"{run}/building"
    flags = ["--data", data, "--level", "1", "--json", "scores.json"]
    evaluate_partnet.main(["--score-h5", "predicted", *flags])
    there = json.loads(pathlib.Path("scores.json").read_text())
    own = json.loads(pathlib.Path(f"{run}/evaluation/covering/scores.json").read_text())
    for name in ("part mAP50", "shape mAP50"):
        assert there[name] == own["benchmark"][name], name


@pytest.mark.usefixtures("_here")
def test_a_study_is_told_of_what_is_missing_resumes_and_ends_with_tables_3_and_4(
    capsys, monkeypatch
):
    for category in ("Chair", "Lamp"):
        writer.write_h5(pathlib.Path("made") / category, (category,), NUM_SHAPES, num_points=200)
        source = pathlib.Path("made") / category / "ins_seg_h5" / category
        target = pathlib.Path("data") / "ins_seg_h5" / category
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    wanted = [partnet.Task(name, 1) for name in ("Bag", "Chair", "Lamp")]
    monkeypatch.setattr(partnet_flags, "tasks", lambda: wanted)
    flags = ["--data", "data", "--all", "--quick", "--run", "study"]
    train = training.train

    def stop(request, source):
        if request.run.name == "Lamp-1":
            raise KeyboardInterrupt
        return train(request, source)

    monkeypatch.setattr(training, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        train_partnet.main(flags)
    monkeypatch.setattr(training, "train", train)
    capsys.readouterr()
    train_partnet.main(flags)
    printed = capsys.readouterr().out
    assert "[1/3] Bag-1: left out, as there are no data of it" in printed
    assert "[2/3] Chair-1: done before" in printed
    assert "[3/3] Lamp-1: training, evaluating" in printed
    assert "Instance segmentation, mean of 2 of 3 tasks" in printed
    last = printed.split("Official scores by category and level")[1]
    assert "part mAP50" in last
    assert "Bag" in last
    assert pathlib.Path("study/study.md").read_text().count("mean of 2 of 3 tasks") == 2
    evaluate_partnet.main(["--all", "--run", "study"])
    again = capsys.readouterr().out
    assert "evaluating" not in again  # nothing is segmented twice
    assert again.split("Official scores by category and level")[1] == last


@pytest.mark.usefixtures("_here")
def test_a_study_of_data_that_are_nowhere_is_refused():
    pathlib.Path("data").mkdir()
    with pytest.raises(FileNotFoundError, match="data has no data of Bag for level 1"):
        train_partnet.main(["--data", "data", "--all"])
    with pytest.raises(FileNotFoundError, match="has no trained run of partnet"):
        evaluate_partnet.main(["--all", "--run", "data"])


REFUSED = [
    (["--score-h5", "predicted"], "--score-h5 needs --data"),
    (["--score-h5", "p", "--data", "d", "--run", "r"], "--score-h5 scores files as they are"),
    (["--write-h5", "p", "--compare", "a", "b"], "--write-h5 needs one run"),
    (["--write-h5", "p", "--protocol", "legacy"], "evaluated with the covering protocol"),
]


@pytest.mark.parametrize(("flags", "text"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_flags_that_contradict_each_other_are_refused(flags, text, capsys):
    with pytest.raises(SystemExit):
        evaluate_partnet.main(flags)
    assert text in capsys.readouterr().err


def chosen(*flags, task=None):
    return partnet_flags.choice(train_partnet.parse_args(flags), task)


def test_the_flags_choose_the_task_and_how_it_is_read():
    assert chosen().task == partnet.Task("Chair", 3)
    assert chosen("--category", "Bag").task == partnet.Task("Bag", 1)  # its finest
    assert chosen("--level", "2").task == partnet.Task("Chair", 2)
    assert chosen(task=partnet.Task("Mug", 1)).task == partnet.Task("Mug", 1)
    made = chosen("--num-points", "4096", "--other-as-class", "--form", "sem_seg_h5")
    assert (made.num_points, made.other_as_class, made.form) == (4096, True, "sem_seg_h5")
    with pytest.raises(ValueError, match="PartNet has the categories"):
        chosen("--category", "Sofa")


def test_all_is_50_tasks_or_those_of_a_category_or_a_level():
    def of(*flags, **options):
        return partnet_flags.study(train_partnet.parse_args(flags), **options)

    assert len(of().members) == 50
    assert list(of("--category", "Lamp").members) == [("Lamp", level) for level in (1, 2, 3)]
    assert len(of("--level", "2").members) == 9
    assert {category for category, _ in of(generated=True).members} == set(writer.CATEGORIES)
    with pytest.raises(ValueError, match="has level 1 only"):
        of("--category", "Bag", "--level", "2")
    with pytest.raises(ValueError, match="generated data of Chair, Lamp, Table only"):
        of("--category", "Bag", generated=True)
