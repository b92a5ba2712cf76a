"""Draws an evaluated cloud: colours, classes and instances, true beside predicted."""

from pathlib import Path

import numpy as np

from ban_tf import config
from ban_tf.data.store import Store
from ban_tf.experiments import checks, folds, pages
from ban_tf.experiments.requests import RUNS, Figure
from ban_tf.training import runs
from ban_tf.view import figures


def draw(request: Figure) -> Path:
    """Does what the drawing script is asked for; returns the picture, or the page.

    Rooms that are cut into blocks are opened from above and from the viewer's side; shapes are
    drawn whole.

    Raises:
        FileNotFoundError: no run, or no prediction of the cloud under the covering protocol.
        ValueError: the prediction is of another version of the cloud.
        ImportError: matplotlib is missing.
    """
    checks.check(request)
    run = runs.load(request.run or folds.newest(RUNS))
    if request.html is not None:
        return pages.write_evaluated(run, request.cloud, request.html, request.similarity)
    predictions = run.evaluation_folder("covering") / "predictions"
    names = sorted(path.stem for path in predictions.glob("*.npz"))
    name = request.cloud or (names[0] if names else None)
    if name not in names:
        raise FileNotFoundError(
            f"{predictions} has no prediction of a cloud {name!r}. Evaluate the run {run.folder} "
            f"first, with the covering protocol. It has: {', '.join(names) or 'none'}"
        )
    cloud = Store.open(run.sources().blocks).load_cloud(name)
    with np.load(predictions / f"{name}.npz") as file:
        semantic, instance = file["semantic"], file["instance"]
    if len(semantic) != len(cloud):
        raise ValueError(
            f"{predictions / name}.npz is of another version of the cloud: {len(semantic)} points "
            f"of {len(cloud)}. Evaluate the run {run.folder} again."
        )
    experiment = run.experiment
    panels = figures.compare(cloud, experiment.labels, semantic, instance)
    rows = figures.visible_rows(cloud.xyz, isinstance(experiment.samples, config.Blocks))
    drawn = {title: colors[rows] for title, colors in panels.items()}
    figures.draw(cloud.xyz[rows], drawn, request.out)
    print(f"wrote {request.out}")
    return request.out
