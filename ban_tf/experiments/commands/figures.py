"""Draws evaluated clouds: as they are, instances, classes and mistakes, true beside predicted."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.data.store import Store
from ban_tf.experiments import checks, folds, pages, unfinished
from ban_tf.experiments.requests import RUNS, Figure
from ban_tf.training import runs
from ban_tf.view import figures, panels, rendering

_PICTURE = Path("cloud.png")


@dataclasses.dataclass(frozen=True)
class _System:
    """A run that was evaluated, and what it is called in the picture."""

    run: runs.Run
    title: str

    @property
    def folder(self) -> Path:
        return self.run.evaluation_folder("covering")

    @property
    def clouds(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "predictions").glob("*.npz"))


def draw(request: Figure) -> Path:
    """Does what the drawing script is asked for; returns the picture, or the page.

    Rooms that are cut into blocks are opened from above and from the viewer's side; shapes are
    drawn whole.

    Raises:
        FileExistsError: the picture or page is there, and is not to be replaced.
        FileNotFoundError: no run, or no prediction of a cloud under the covering protocol.
        ValueError: a prediction is of another version of the cloud, or runs to compare have other
            classes.
        ImportError: matplotlib is missing.
    """
    if request.out is None and request.html is None:
        request = dataclasses.replace(request, out=_PICTURE)
    checks.check(request)
    if request.html is not None:
        _check_page(request)
    first = runs.load(request.run or folds.newest(RUNS))
    if request.html is not None:
        name = request.cloud[0] if request.cloud else None
        return pages.write_evaluated(
            first, name, request.html, request.similarity, request.overwrite
        )
    assert request.out is not None
    systems = _titled([first, *(runs.load(folder) for folder in request.compare)])
    for system in systems[1:]:
        _check_alike(first, system.run)
    names = request.cloud or tuple(systems[0].clouds[:1])
    for system in systems:
        _check_evaluated(system, names)
    store = Store.open(first.sources().blocks)
    for system in systems[1:]:
        _check_same_clouds(store, first, system.run, names)
    rows, seen = [], []
    for name in names:
        row, classes = _row(store.load_cloud(name), systems, request)
        rows.append(row)
        seen += classes
    labels, which = first.experiment.labels, request.panels
    legends = panels.legends(seen, labels, which, request.class_colors == "own")
    figures.draw(rows, request.out, legends, request.width)
    print(f"wrote {request.out}")
    return request.out


def _check_page(request: Figure) -> None:
    """Refuses what only pictures have, and more than one cloud."""
    plain = Figure()
    for name in ("out", "compare", "panels", "class_colors", "width"):
        value = getattr(request, name)
        if value != getattr(plain, name):
            raise ValueError(
                f"`{name}` is of a picture, and `html` is written instead of one: leave one of "
                f"them out. Received: {name}={value}"
            )
    if len(request.cloud) > 1:
        raise ValueError(
            f"`html` shows one cloud: name one of them. Received: {', '.join(request.cloud)}"
        )


def _titled(found: list[runs.Run]) -> list[_System]:
    """Runs with the names of their systems; with those of their folders where they are alike."""
    titles = []
    for run in found:
        scores = run.evaluation_folder("covering") / "scores.json"
        method = (
            json.loads(scores.read_text(encoding="utf-8"))["method"] if scores.is_file() else ""
        )
        titles.append(method or run.experiment.network.name.upper())
    if len(set(titles)) < len(titles):
        folders = [run.folder.resolve().name for run in found]
        titles = [f"{title}, {folder}" for title, folder in zip(titles, folders, strict=True)]
    if len(set(titles)) < len(titles):
        titles = [f"{number}: {title}" for number, title in enumerate(titles, start=1)]
    return [_System(run, title) for run, title in zip(found, titles, strict=True)]


def _check_alike(first: runs.Run, other: runs.Run) -> None:
    names = [run.experiment.labels.class_names for run in (first, other)]
    if names[0] != names[1]:
        raise ValueError(
            "runs can only be compared with one of the same classes (`compare`). Received: "
            f"{', '.join(names[0])} in {first.folder}, {', '.join(names[1])} in {other.folder}"
        )


def _check_same_clouds(
    store: Store, first: runs.Run, other: runs.Run, names: tuple[str, ...]
) -> None:
    """Refuses predictions of clouds that only have the name of those that are drawn."""
    beside = Store.open(other.sources().blocks)
    contents = [{cloud.name: cloud.content for cloud in one.clouds} for one in (store, beside)]
    for name in names:
        if contents[0].get(name) != contents[1].get(name):
            raise ValueError(
                f"runs can only be compared on the same clouds (`compare`): {name} has other "
                f"points or labels in {other.folder} than in {first.folder}"
            )


def _check_evaluated(system: _System, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in system.clouds]
    if missing or not names:
        raise FileNotFoundError(
            f"{system.folder / 'predictions'} has no prediction of a cloud "
            f"{', '.join(map(repr, missing)) or 'at all'}. Evaluate the run {system.run.folder} "
            f"first, with the covering protocol. It has: {', '.join(system.clouds) or 'none'}"
        )


def _row(
    cloud: Cloud, systems: list[_System], request: Figure
) -> tuple[figures.Row, list[np.ndarray]]:
    """A line of the picture, and the classes that are drawn in it."""
    experiment = systems[0].run.experiment
    found = {}
    for system in systems:
        kept = unfinished.prediction_of(system.folder, cloud)
        found[system.title] = panels.Predicted(kept.semantic, kept.instance)
    own = request.class_colors == "own"
    columns = panels.compare(cloud, experiment.labels, found, request.panels, own)
    rows = rendering.visible_rows(cloud.xyz, isinstance(experiment.samples, config.Blocks))
    classes = [cloud.semantic[rows], *(one.semantic[rows] for one in found.values())]
    return panels.row(cloud, rows, columns, cloud.name), classes
