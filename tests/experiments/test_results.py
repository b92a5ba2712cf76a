import dataclasses
import hashlib
import json
import math
import time

import pytest

import tiny_runs
from ban_tf.experiments import results
from ban_tf.metrics.evaluators import METRICS
from ban_tf.training import runs
from made_evaluations import evaluation

RESULT = results.Result(
    experiment=dataclasses.replace(tiny_runs.experiment(), seed=7),
    scores=evaluation({**dict.fromkeys(METRICS, 0.25), "mIoU": math.nan}, test=("Area_2",)),
    models=("ab", "cd"),
    training=({"revision": "1", "started": "2020-01-01"}, {"revision": "2"}),
    training_seconds=12.5,
    evaluation_seconds=0.5,
    evaluated_with={"revision": "3"},
)


def test_a_result_comes_back_as_it_was_written(tmp_path):
    results.write(tmp_path / "new", RESULT)
    assert results.read(tmp_path / "new") == RESULT


def test_the_file_names_system_seed_revision_and_times_at_its_top(tmp_path):
    results.write(tmp_path, RESULT)
    document = json.loads((tmp_path / results.NAME).read_text(encoding="utf-8"))
    assert (document["system"], document["network"], document["seed"]) == ("BAN", "ban", 7)
    assert document["training"][0]["revision"] == "1"
    assert document["training_seconds"] == 12.5
    assert document["experiment"]["training"]["num_epochs"] == 2


def test_a_missing_result_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="evaluate the run first"):
        results.read(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"format": 99}',
        '{"format": 2}',
        '{"format": 2, "scores": {}}',
        '{"format": 1}',
    ],
)
def test_a_damaged_result_is_refused_by_name(tmp_path, text):
    (tmp_path / results.NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"result\.json is damaged or of another version"):
        results.read(tmp_path)


def test_a_result_of_a_setting_that_is_refused_today_is_refused(tmp_path):
    results.write(tmp_path, RESULT)
    path = tmp_path / results.NAME
    path.write_text(path.read_text().replace('"num_epochs": 2', '"num_epochs": 0'))
    with pytest.raises(ValueError, match="`num_epochs` must be at least 1"):
        results.read(tmp_path)


def test_a_result_of_before_average_precision_is_read_without_it(tmp_path):
    results.write(tmp_path, RESULT)
    path = tmp_path / results.NAME
    document = json.loads(path.read_text(encoding="utf-8"))
    for name in ("precision", "panoptic", "benchmark"):
        del document["scores"][name]
    path.write_text(json.dumps({**document, "format": 2}), encoding="utf-8")
    found = results.read(tmp_path)
    assert found.scores.means()["mCov"] == 0.25
    assert math.isnan(found.scores.quality()["AP"])
    assert found == RESULT  # whose scores have none either


def test_results_that_differ_in_the_seed_alone_are_of_one_setting():
    def with_(**fields):
        return dataclasses.replace(
            RESULT, experiment=dataclasses.replace(RESULT.experiment, **fields)
        )

    longer = dataclasses.replace(RESULT.experiment.training, num_epochs=5)
    found = [with_(seed=1), with_(training=longer), with_(seed=2), with_(seed=1), with_(seed=3)]
    assert results.by_setting(found) == [[0, 2, 4], [1], [3]]
    assert results.by_setting([]) == []


def test_the_digest_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 100_000)
    assert results.digest(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_training_time_adds_up_over_interruptions(tmp_path, monkeypatch):
    clock = iter([10.0, 13.0, 100.0, 102.0, 104.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    run = runs.start(tmp_path, tiny_runs.experiment())
    assert run.training_seconds() is None
    with pytest.raises(KeyboardInterrupt), run.training_time():
        raise KeyboardInterrupt
    with run.training_time() as note:
        assert run.training_seconds() == 3.0
        note()
        assert run.training_seconds() == 5.0
    assert run.training_seconds() == 7.5


@pytest.mark.parametrize("name", ["seconds.json", "provenance.json"])
def test_damaged_notes_of_a_run_are_refused_by_name(tmp_path, name):
    run = runs.start(tmp_path, tiny_runs.experiment())
    (tmp_path / name).write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        run.training_seconds() if name == "seconds.json" else run.provenance()
