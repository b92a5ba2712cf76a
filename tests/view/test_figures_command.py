"""The command that draws evaluated clouds: what it takes, refuses, and puts where."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import tiny_runs
from ban_tf import config, disk
from ban_tf.clouds import cloud_cache
from ban_tf.config import Labels
from ban_tf.experiments import requests
from ban_tf.experiments.commands import figures as command
from ban_tf.inference import digest
from ban_tf.inference.results import Instance, Segmentation
from ban_tf.training import runs
from ban_tf.view import figures, rendering


def prediction(semantic: np.ndarray, instance: np.ndarray) -> dict[str, np.ndarray]:
    """What an evaluation keeps of a cloud."""
    instances = (Instance(0, 1.0, 1),) * (int(instance.max()) + 1)
    confidence = np.ones(len(semantic), np.float32)
    return Segmentation(semantic, instance, confidence, instances).to_arrays()


def evaluated(folder, experiment, clouds):
    """A run whose clouds were evaluated, as far as a picture needs it."""
    run = runs.start(folder / "run", experiment)
    store = tiny_runs.prepare(clouds, folder / "blocks", experiment)
    for cloud in clouds:
        cloud_cache.save_cloud(cloud, store.cloud_file(cloud.name))
        path = run.evaluation_folder("covering") / "predictions" / f"{cloud.name}.npz"
        with disk.whole(path) as temporary:
            np.savez(temporary, **prediction(cloud.semantic, cloud.instance))
    run.save_sources(runs.Sources(folder / "blocks", None))
    return run


SHAPES = dataclasses.replace(
    tiny_runs.experiment(),
    labels=Labels(class_names=tuple("abcdefghi")),
    samples=config.Shapes(num_points=64),
    features=config.Features(names=("xyz",)),
    network=config.NetworkConfig(),
)


@pytest.fixture
def drawn(monkeypatch):
    """What the command has drawn."""
    rows: list[figures.Row] = []
    monkeypatch.setattr(figures, "draw", lambda found, *_: rows.extend(found))
    return rows


@pytest.mark.parametrize(
    ("experiment", "is_opened"), [(tiny_runs.experiment(), True), (SHAPES, False)]
)
def test_any_data_set_is_drawn(experiment, is_opened, drawn, tmp_path, capsys):
    clouds = tiny_runs.rooms()
    run = evaluated(tmp_path, experiment, clouds)
    command.draw(requests.Figure(run=run.folder, out=tmp_path / "a.png"))
    assert capsys.readouterr().out == f"wrote {tmp_path / 'a.png'}\n"
    rows = rendering.visible_rows(clouds[0].xyz, is_opened)
    assert (len(rows) < len(clouds[0])) == is_opened
    [one] = drawn
    np.testing.assert_array_equal(one.xyz, clouds[0].xyz[rows])
    np.testing.assert_array_equal(one.panels["classes: truth"], one.panels["classes: BAN"])
    np.testing.assert_array_equal(one.panels["instances: truth"], one.panels["instances: BAN"])
    assert all(len(colors) == len(rows) for colors in one.panels.values())


def test_several_clouds_are_lines_and_several_runs_are_columns(drawn, tmp_path):
    clouds = tiny_runs.rooms()
    one, other = (evaluated(tmp_path / name, tiny_runs.experiment(), clouds) for name in "ab")
    names = (clouds[2].name, clouds[0].name)
    command.draw(
        requests.Figure(
            run=one.folder, compare=(other.folder,), cloud=names, panels=["scene", "classes"]
        )
    )
    assert [found.name for found in drawn] == list(names)
    assert list(drawn[0].panels) == [
        "scene", "classes: truth", "classes: 1: BAN, run", "classes: 2: BAN, run"
    ]  # fmt: skip


def test_runs_of_other_classes_are_not_compared(tmp_path):
    runs_ = [
        evaluated(tmp_path / "a", tiny_runs.experiment(), tiny_runs.rooms()),
        evaluated(tmp_path / "b", SHAPES, tiny_runs.rooms()),
    ]
    with pytest.raises(ValueError, match=r"the same classes.*Received: ceiling, floor"):
        command.draw(requests.Figure(run=runs_[0].folder, compare=(runs_[1].folder,)))


def test_the_clouds_that_could_be_drawn_are_named(tmp_path):
    run = evaluated(tmp_path, tiny_runs.experiment(), tiny_runs.rooms())
    with pytest.raises(FileNotFoundError, match=r"no prediction of a cloud 'attic'.*Area_2_"):
        command.draw(requests.Figure(run=run.folder, cloud=("attic",)))


def test_a_prediction_of_another_version_of_the_cloud_is_refused(tmp_path):
    run = evaluated(tmp_path, tiny_runs.experiment(), tiny_runs.rooms())
    path = run.evaluation_folder("covering") / "predictions" / "Area_1_office_1.npz"
    np.savez(path, **prediction(np.zeros(3, int), np.zeros(3, int)))
    with pytest.raises(ValueError, match=r"another version of the cloud: 3 points of 1500"):
        command.draw(requests.Figure(run=run.folder))


def test_a_prediction_of_moved_points_is_refused(tmp_path):
    cloud = tiny_runs.rooms()[0]
    run = evaluated(tmp_path, tiny_runs.experiment(), [cloud, *tiny_runs.rooms()[1:]])
    path = run.evaluation_folder("covering") / "predictions" / f"{cloud.name}.npz"
    arrays = prediction(cloud.semantic, cloud.instance)
    np.savez(path, **arrays, points=np.array(digest.of_cloud(cloud)))
    command.draw(requests.Figure(run=run.folder, html=tmp_path / "a.html"))
    np.savez(path, **arrays, points=np.array("of other points"))
    for place in ({"out": tmp_path / "b.png"}, {"html": tmp_path / "b.html"}):
        with pytest.raises(ValueError, match="version of the cloud: other coordinates or colours"):
            command.draw(requests.Figure(run=run.folder, **place))


def test_runs_on_other_clouds_of_the_same_name_are_not_compared(drawn, tmp_path):
    rooms = tiny_runs.rooms()
    moved = [dataclasses.replace(rooms[0], xyz=2 * rooms[0].xyz), *rooms[1:]]
    one, other = (
        evaluated(tmp_path / name, tiny_runs.experiment(), clouds)
        for name, clouds in (("a", rooms), ("b", moved))
    )
    with pytest.raises(ValueError, match=f"{rooms[0].name} has other points or labels in .*b/run"):
        command.draw(requests.Figure(run=one.folder, compare=(other.folder,)))
    assert drawn == []


@pytest.mark.parametrize(
    "picture", [{"out": "a.png"}, {"compare": ("runs/b",)}, {"panels": ("scene",)}, {"width": 90}]
)
def test_a_page_has_nothing_of_a_picture(picture, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    as_paths = {"out": pathlib.Path, "compare": lambda found: tuple(map(pathlib.Path, found))}
    values = {name: as_paths.get(name, lambda same: same)(picture[name]) for name in picture}
    with pytest.raises(ValueError, match="is of a picture, and `html` is written instead"):
        command.draw(requests.Figure(html=tmp_path / "a.html", **values))


def test_a_page_shows_one_cloud(tmp_path):
    with pytest.raises(ValueError, match=r"`html` shows one cloud.*Received: a, b"):
        command.draw(requests.Figure(html=tmp_path / "a.html", cloud=("a", "b")))


def test_drawing_does_not_import_tensorflow():
    code = (
        "import sys; from ban_tf.experiments.commands import figures;"
        "print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
