"""The small files beside a network: empty, cut, of another kind, or edited."""

import contextlib
import json

import numpy as np
import pytest

import tiny_runs
from ban_tf.data.store import manifest
from ban_tf.experiments import folds, results
from ban_tf.training import instance_sizes, runs

NOT_NAMED_VALUES = ["", "  ", '{"training": 1', "null", "[]", "3", '"text"', "\x00", "[" * 100_000]


@pytest.fixture
def run(tmp_path):
    return runs.start(tmp_path / "run", tiny_runs.experiment())


READ = {
    "seconds.json": lambda run: run.training_seconds(),
    "provenance.json": lambda run: run.provenance(),
    "sources.json": lambda run: run.sources(),
    "config.json": lambda run: runs.load(run.folder),
    "mean_instance_sizes.json": lambda run: instance_sizes.load(run.folder),
    "folds.json": lambda run: folds.splits_of(run.folder),
    "manifest.json": lambda run: manifest.load(run.folder),
    "result.json": lambda run: results.read(run.folder),
    "scores.json": lambda run: results.read_scores(run.folder / "scores.json"),
}


@pytest.mark.parametrize("content", NOT_NAMED_VALUES, ids=lambda text: repr(text[:12]))
@pytest.mark.parametrize("name", sorted(READ))
def test_what_is_no_json_of_named_values_is_refused_by_file(run, name, content):
    (run.folder / name).write_text(content)
    with pytest.raises(ValueError, match=rf"{name} is damaged") as told:
        READ[name](run)
    assert "elete" not in str(told.value)


@pytest.mark.parametrize("value", [-1, True, None, "3", [], {}, float("nan"), float("inf")])
def test_seconds_that_are_no_duration_are_refused_before_training_goes_on(run, value):
    (run.folder / "seconds.json").write_text(json.dumps({"training": value}))
    message = r"seconds\.json is damaged \(`training` must be a number of at least 0, but is .*away"
    with pytest.raises(ValueError, match=message):
        runs.check(run.folder, run.experiment)


def test_a_damaged_provenance_is_refused_before_training_goes_on(run):
    (run.folder / "provenance.json").write_text('[["revision", 1]]')
    with pytest.raises(
        ValueError, match=r"provenance\.json is damaged \(it must hold named values"
    ):
        runs.start(run.folder, run.experiment)


@pytest.mark.parametrize(
    "values",
    [
        {"drawn": [1.0]},
        {"drawn": None, "raw": None},
        {"drawn": [[1.0]], "raw": None},
        {"drawn": [1.0, 2.0], "raw": [1.0]},
        {"drawn": [-1.0], "raw": None},
        {"drawn": ["many"], "raw": None},
    ],
    ids=str,
)
def test_instance_sizes_of_another_form_are_refused(run, values):
    (run.folder / instance_sizes.FILE_NAME).write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"mean_instance_sizes\.json is damaged .*again"):
        instance_sizes.load(run.folder)


def test_instance_sizes_come_back_as_they_were_kept(run):
    sizes = instance_sizes.InstanceSizes(np.array([3.0, np.nan]), np.array([np.nan, 7.0]))
    instance_sizes.save(run.folder, sizes)
    found = instance_sizes.load(run.folder)
    np.testing.assert_array_equal(found.drawn, sizes.drawn)
    np.testing.assert_array_equal(found.raw, sizes.raw)


def branches(values, place=()):
    """The place of every value in nested ones, but the outermost."""
    inside = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in inside:
        yield (*place, key)
        if isinstance(value, dict | list):
            yield from branches(value, (*place, key))


def test_any_value_of_a_config_may_be_wrong_and_the_file_is_named(run):
    path = run.folder / "config.json"
    right = path.read_text()
    for place in list(branches(json.loads(right))):
        for wrong in (None, "text", [], {}, -1, [[1]], 10**30):
            values = json.loads(right)
            inner = values
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = wrong
            path.write_text(json.dumps(values))
            # Some of these are right; what is not is no error but this one.
            with contextlib.suppress(_DamagedError), _as_damaged():
                runs.load(run.folder)


class _DamagedError(Exception):
    """What is expected of a file that was edited."""


@contextlib.contextmanager
def _as_damaged():
    try:
        yield
    except ValueError as error:
        if "config.json is damaged or of another version" not in str(error):
            raise
        raise _DamagedError from error
