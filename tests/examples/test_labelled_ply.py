"""The worked example of a data set of one's own goes the whole way."""

import dataclasses
import importlib.util
import pathlib

import numpy as np
import plyfile
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as framework_config

import tiny_runs
from ban_tf.config import NONE, reduced
from ban_tf.data.reading import UnreadableError

FOLDER = pathlib.Path(__file__).parents[2] / "examples"
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]


def example(name: str):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


labelled_ply, write_labelled_ply = example("labelled_ply"), example("write_labelled_ply")


def write_scan(path, seed, **changes):
    """A small room as labelled PLY; a tenth of its points has neither class nor instance."""
    room = tiny_runs.room(path.stem, seed=seed, num_points=800)
    none = np.random.default_rng(seed).random(len(room)) < 0.1
    columns = dict(zip(labelled_ply.FIELDS, [*room.xyz.T, *room.rgb.T], strict=False))
    columns["class"] = np.where(none, NONE, np.minimum(room.semantic, 2))
    columns["instance"] = np.where(none, NONE, room.instance)
    columns |= changes
    kinds = [(name, write_labelled_ply.KINDS[name]) for name in columns]
    vertices = np.rec.fromarrays(list(columns.values()), dtype=kinds)
    path.parent.mkdir(parents=True, exist_ok=True)
    element = plyfile.PlyElement.describe(np.array(vertices), "vertex")
    plyfile.PlyData([element]).write(path)


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "desks"
    for seed, name in enumerate(("train/a", "train/b", "test/c")):
        write_scan(root / f"{name}.ply", seed)
    (root / "classes.txt").write_text("floor\nwall\nchair\n")
    return root


def tiny(experiment):
    least = tiny_runs.experiment(blocks_per_epoch=4)
    network = dataclasses.replace(experiment.network, backbone=tiny_runs.BACKBONE)
    samples = dataclasses.replace(experiment.samples, num_points=64, min_points=10)
    return dataclasses.replace(
        experiment, network=network, training=least.training, samples=samples
    )


@pytest.fixture
def _tiny(monkeypatch):
    monkeypatch.setattr(reduced, "quick", tiny)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
    framework_config.disable_op_determinism()


@pytest.mark.usefixtures("_tiny")
def test_it_trains_evaluates_and_prints_the_classes_of_the_file(data, tmp_path, capsys):
    labelled_ply.main(["--data", str(data), "--quick", "--run", str(tmp_path / "run")])
    printed = capsys.readouterr().out
    assert "BAN on desks, test, 1 cloud" in printed
    for name in ("floor", "wall", "chair"):
        assert name in printed


def test_a_file_is_read_as_it_was_written(data):
    [scan] = labelled_ply.dataset(data).scans(data, ["test"])
    cloud, problems = scan.read()
    assert (cloud.name, cloud.group, problems) == ("c", "test", [])
    room = tiny_runs.room("c", seed=2, num_points=800)
    np.testing.assert_array_equal(cloud.xyz, room.xyz.astype("float32"))
    np.testing.assert_array_equal(cloud.rgb, room.rgb)
    none = cloud.semantic == NONE
    assert 0 < np.count_nonzero(none) < len(cloud)
    np.testing.assert_array_equal(cloud.instance[~none], room.instance[~none])


def test_a_file_without_a_field_is_named_with_it(data):
    path = data / "test" / "c.ply"
    path.write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1.0\n")
    [scan] = labelled_ply.dataset(data).scans(data, ["test"])
    with pytest.raises(UnreadableError, match=r"c\.ply"):
        scan.read()


def test_a_folder_without_files_is_refused(data):
    with pytest.raises(FileNotFoundError, match="PLY files"):
        labelled_ply.dataset(data).scans(data / "train", None)


def test_the_generated_scans_are_of_all_classes_and_both_sides(tmp_path):
    root = tmp_path / "made"
    write_labelled_ply.write(root)
    scans = labelled_ply.dataset(root).scans(root, None)
    assert [scan.group for scan in scans] == ["train"] * 8 + ["test"] * 4
    seen = np.unique(np.concatenate([np.unique(scan.read()[0].semantic) for scan in scans[:4]]))
    np.testing.assert_array_equal(seen, np.arange(len(write_labelled_ply.CLASSES)))
    with pytest.raises(SystemExit):
        write_labelled_ply.main([str(root)])


def test_the_reader_is_as_short_as_promised():
    text = (FOLDER / "labelled_ply.py").read_text()
    reader = text[text.index("def dataset") : text.index("def describe")]
    assert len(reader.splitlines()) < 60
