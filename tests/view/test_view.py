"""Pictures of clouds: what is drawn, in which colours, and that a file comes out whole."""

import dataclasses
import doctest
import subprocess
import sys

import numpy as np
import pytest

import tiny_runs
from ban_tf import config, disk
from ban_tf.clouds import cloud_cache
from ban_tf.config import NONE, Labels
from ban_tf.data import s3dis
from ban_tf.experiments import requests
from ban_tf.experiments.commands import figures as command
from ban_tf.training import runs
from ban_tf.view import figures, palette

PLAIN = Labels(class_names=("floor", "wall", "chair"))


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib", reason="matplotlib is not among the test extras")


def test_the_examples_of_the_palette_run():
    assert doctest.testmod(palette).failed == 0


def test_the_examples_of_the_figures_run(matplotlib):
    assert doctest.testmod(figures).failed == 0


# --- colours ---


def test_thirty_instances_have_thirty_colours_far_from_grey_and_each_other():
    colors = palette.instance_colors(np.arange(-1, 30))
    gaps = np.linalg.norm(colors[:, None] - colors, axis=-1) + 9 * np.eye(31)
    assert gaps.min() > 0.05
    assert np.linalg.norm(colors[1:-1] - colors[2:], axis=-1).min() > 0.3
    assert colors.min() >= 0
    assert colors.max() <= 1


def test_an_instance_keeps_its_colour_whatever_the_others():
    few, many = palette.instance_colors(np.arange(3)), palette.instance_colors(np.arange(90))
    np.testing.assert_array_equal(few, many[:3])


def test_classes_have_the_colours_of_the_data_set():
    semantic = np.array([8, NONE, 0])
    found = palette.class_colors(semantic, s3dis.LABELS) * 255
    np.testing.assert_allclose(found[[0, 2]], [(255, 0, 0), (0, 255, 0)])
    assert len(set(found[1].tolist())) == 1  # grey


def test_classes_without_colours_get_colours_of_their_own():
    found = palette.class_colors(np.array([0, 1, 2, NONE, 1]), PLAIN)
    assert len(np.unique(found, axis=0)) == 4
    np.testing.assert_array_equal(found[1], found[4])


def test_no_point_has_no_colour():
    nothing = np.zeros(0, np.int32)
    assert palette.instance_colors(nothing).shape == (0, 3)
    assert palette.class_colors(nothing, PLAIN).shape == (0, 3)


# --- which points ---


def test_a_room_is_opened_from_above_and_from_the_viewer_s_side():
    rng = np.random.default_rng(0)
    xyz = rng.uniform(0, 1, (5000, 3)) * (4, 3, 2.5) + (70, -2, 1)
    seen = xyz[figures.visible_rows(xyz, cut_open=True)]
    assert seen[:, 2].max() < 1 + 0.8 * 2.5
    assert seen[:, 0].max() < 74 - 0.2
    assert seen[:, 1].min() > -2 + 0.2
    assert seen[:, 0].min() < 70.05
    assert seen[:, 1].max() > 0.95


def test_a_shape_is_drawn_whole():
    xyz = np.random.default_rng(0).normal(size=(500, 3))
    np.testing.assert_array_equal(figures.visible_rows(xyz, cut_open=False), np.arange(500))


def test_many_points_are_thinned_evenly():
    rows = figures.visible_rows(np.zeros((1000, 3)), cut_open=False, max_points=100)
    np.testing.assert_array_equal(rows, np.arange(0, 1000, 10))


@pytest.mark.parametrize("num_points", [0, 1, 7])
def test_what_lies_all_at_the_outline_is_not_left_out(num_points):
    rows = figures.visible_rows(np.ones((num_points, 3)), cut_open=True)
    np.testing.assert_array_equal(rows, np.arange(num_points))


# --- the picture ---


def colorings(cloud, labels=s3dis.LABELS):
    rng = np.random.default_rng(0)
    semantic = rng.integers(NONE, labels.num_classes, len(cloud))
    return figures.compare(cloud, labels, semantic, rng.integers(NONE, 9, len(cloud)))


def test_truth_and_prediction_stand_side_by_side():
    cloud = dataclasses.replace(tiny_runs.room("office"), rgb=None)
    nothing = np.full(len(cloud), NONE)
    panels = figures.compare(cloud, s3dis.LABELS, nothing, cloud.instance)
    np.testing.assert_array_equal(panels["instance, true"], panels["instance, predicted"])
    grey = panels["class, predicted"]
    assert (grey == grey[0, 0]).all()
    assert panels["colours"].shape == (len(cloud), 3)


@pytest.mark.parametrize("num_panels", [1, 2, 3, 5, 6])
def test_any_number_of_panels_is_drawn(matplotlib, num_panels, tmp_path):
    xyz = np.random.default_rng(0).uniform(0, 1, (50, 3))
    panels = {f"panel {number}": xyz for number in range(num_panels)}
    figures.draw(xyz, panels, tmp_path / "cloud.png")
    assert (tmp_path / "cloud.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["cloud.png"]


@pytest.mark.parametrize("xyz", [np.zeros((1, 3)), np.eye(3)[:2], np.ones((4, 3))])
def test_flat_clouds_and_single_points_are_drawn(matplotlib, xyz, tmp_path):
    figures.draw(xyz, {"place": np.zeros_like(xyz)}, tmp_path / "cloud")
    assert (tmp_path / "cloud").read_bytes().startswith(b"\x89PNG")


def test_the_ending_tells_the_format(matplotlib, tmp_path):
    cloud = tiny_runs.room("office", num_points=40)
    figures.draw(cloud.xyz, colorings(cloud), tmp_path / "cloud.svg")
    assert "<svg" in (tmp_path / "cloud.svg").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="nonsense"):
        figures.draw(cloud.xyz, colorings(cloud), tmp_path / "cloud.nonsense")
    assert [path.name for path in tmp_path.iterdir()] == ["cloud.svg"]


def test_nothing_to_draw_is_said(matplotlib, tmp_path):
    with pytest.raises(ValueError, match=r"at least one point.*Received: 0 points, 1 panels"):
        figures.draw(np.zeros((0, 3)), {"a": np.zeros((0, 3))}, tmp_path / "cloud.png")


def test_without_matplotlib_the_command_to_get_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install -e \"\.\[figures\]\""):
        figures.draw(np.zeros((1, 3)), {"a": np.zeros((1, 3))}, tmp_path / "cloud.png")


# --- the command ---


def evaluated(folder, experiment, clouds):
    """A run whose clouds were evaluated, as far as a picture needs it."""
    run = runs.start(folder / "run", experiment)
    store = tiny_runs.prepare(clouds, folder / "blocks", experiment)
    for cloud in clouds:
        cloud_cache.save_cloud(cloud, store.cloud_file(cloud.name))
        path = run.evaluation_folder("covering") / "predictions" / f"{cloud.name}.npz"
        with disk.whole(path) as temporary:
            np.savez(temporary, semantic=cloud.semantic, instance=cloud.instance)
    run.save_sources(runs.Sources(folder / "blocks", None))
    return run


SHAPES = dataclasses.replace(
    tiny_runs.experiment(),
    labels=Labels(class_names=tuple("abcdefghi")),
    samples=config.Shapes(num_points=64),
    features=config.Features(names=("xyz",)),
    network=config.NetworkConfig(),
)


@pytest.mark.parametrize(
    ("experiment", "is_opened"), [(tiny_runs.experiment(), True), (SHAPES, False)]
)
def test_any_data_set_is_drawn(experiment, is_opened, tmp_path, monkeypatch, capsys):
    clouds = tiny_runs.rooms()
    run = evaluated(tmp_path, experiment, clouds)
    drawn = {}
    monkeypatch.setattr(figures, "draw", lambda xyz, panels, out: drawn.update(panels, xyz=xyz))
    command.draw(requests.Figure(run=run.folder, out=tmp_path / "a.png"))
    assert capsys.readouterr().out == f"wrote {tmp_path / 'a.png'}\n"
    rows = figures.visible_rows(clouds[0].xyz, is_opened)
    assert (len(rows) < len(clouds[0])) == is_opened
    np.testing.assert_array_equal(drawn["xyz"], clouds[0].xyz[rows])
    np.testing.assert_array_equal(drawn["class, true"], drawn["class, predicted"])
    assert all(len(colors) == len(rows) for colors in drawn.values())


def test_the_clouds_that_could_be_drawn_are_named(tmp_path):
    run = evaluated(tmp_path, tiny_runs.experiment(), tiny_runs.rooms())
    with pytest.raises(FileNotFoundError, match=r"no prediction of a cloud 'attic'.*Area_2_"):
        command.draw(requests.Figure(run=run.folder, cloud="attic"))


def test_a_prediction_of_another_version_of_the_cloud_is_refused(tmp_path):
    run = evaluated(tmp_path, tiny_runs.experiment(), tiny_runs.rooms())
    path = run.evaluation_folder("covering") / "predictions" / "Area_1_office_1.npz"
    np.savez(path, semantic=np.zeros(3, int), instance=np.zeros(3, int))
    with pytest.raises(ValueError, match=r"another version of the cloud: 3 points of 1500"):
        command.draw(requests.Figure(run=run.folder))


def test_drawing_does_not_import_tensorflow():
    code = (
        "import sys; from ban_tf.experiments.commands import figures;"
        "print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
