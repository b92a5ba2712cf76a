"""Where the attentions of a trained BAN look, as numbers and as a picture."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.config.pictures import CELL_WIDTH
from ban_tf.data.samples import Samples
from ban_tf.data.store import Store
from ban_tf.experiments import checks, folds
from ban_tf.experiments.requests import RUNS, Similarity
from ban_tf.metrics import similarity
from ban_tf.metrics.layout import Table
from ban_tf.model.similarity import InnerProducts
from ban_tf.training import checkpoints, runs
from ban_tf.view import figures

_HEADER = (
    "Attention",
    "own class",
    "(chance)",
    "own instance",
    "(chance)",
    "effective points",
    "hubs",
    "spread of products",
)
_NOTES = (
    "Own class, own instance: mean share of a row of P on points of the row's own; chance is that "
    "of points drawn at random.",
    "Effective points: over how many a row spreads. Hubs: different points that are the most "
    "similar one of some row.",
)
_BRIGHTEST = 0.98  # quantile of a row that is drawn in full colour


def report(request: Similarity) -> dict[str, similarity.SimilarityScores]:
    """Does what the similarity script is asked for: prints the table, writes what was named.

    Args:
        request: which run, how many samples, what to write.

    Returns:
        The scores of each attention, by its name.

    Raises:
        FileExistsError: a file to write is there, and is not to be replaced.
        FileNotFoundError: there is no run, or its data are gone.
        ValueError: its network has no attention, or there are no test samples.
        ImportError: a picture is wanted and matplotlib is missing.
    """
    checks.check(request)
    run = runs.load(request.run or folds.newest(RUNS))
    _check_points(request, run.experiment.samples.num_points)
    network = checkpoints.load_model(run.folder)
    try:
        inner_products = InnerProducts(network)
    except ValueError as error:
        raise ValueError(f"{run.folder} holds a network without attention: {error}") from error
    store = Store.open(run.sources().blocks, run.experiment).select(run.experiment.split.test)
    chosen = draw_samples(len(store), request.num_samples, run.experiment.seed)
    scores = [
        similarity.score_all(inner_products(samples.features), samples.semantic, samples.instance)
        for samples in _one_by_one(store, chosen)
    ]
    means = {name: similarity.mean([found[name] for found in scores]) for name in scores[0]}
    all_there = ", all there are" if len(chosen) < request.num_samples else ""
    title = f"{run.folder.name}: similarities on {len(chosen)} test samples{all_there}"
    print(as_table(means, title).text())
    if request.json is not None:
        values = {name: dataclasses.asdict(found) for name, found in means.items()}
        disk.write_whole(request.json, json.dumps(values, indent=2) + "\n")
    if request.out is not None:
        sample = store.read(chosen[:1])
        draw(inner_products, sample, request.point, request.out, request.width)
        print(f"wrote {request.out}")
    return means


def _check_points(request: Similarity, num_points: int) -> None:
    """Refuses points that no sample has, and points without a picture of them."""
    if request.point and request.out is None:
        raise ValueError(
            "`point` is a line of the picture, and there is none: name one with `out`. "
            f"Received: point={' '.join(map(str, request.point))}"
        )
    for point in request.point:
        if not 0 <= point < num_points:
            raise ValueError(f"`point` must be in [0, {num_points}). Received: point={point}")


def draw_samples(available: int, wanted: int, seed: int) -> np.ndarray:
    """Numbers of the samples to look at, ascending, the same for the same seed.

    Raises:
        ValueError: none are there or wanted.
    """
    if min(available, wanted) < 1:
        raise ValueError(
            "at least one sample is needed. Received: "
            f"num_samples={wanted}, test samples in the store: {available}"
        )
    order = np.random.default_rng(seed).permutation(available)
    return np.sort(order[:wanted])


def _one_by_one(store: Store, chosen: np.ndarray) -> Iterator[Samples]:
    for number in chosen:
        yield store.read(np.array([number]))


def as_table(means: dict[str, similarity.SimilarityScores], title: str) -> Table:
    """A row for each attention."""
    rows = []
    for name, found in means.items():
        own = (found.own_class, found.class_chance, found.own_instance, found.instance_chance)
        shares = (f"{value:.2f}" for value in own)
        others = (f"{found.effective_points:.0f}", f"{found.hubs:.0f}", f"{found.spread:.1f}")
        rows.append((name.upper(), *shares, *others))
    return Table(title=title, header=_HEADER, num_labels=1, rows=tuple(rows), notes=_NOTES)


def draw(
    inner_products: InnerProducts,
    samples: Samples,
    points: Sequence[int],
    out: Path,
    width: int = CELL_WIDTH,
) -> None:
    """Draws the rows of points of a sample, as in the paper's Fig. 7.

    Args:
        inner_products: of the network.
        samples: one sample.
        points: their numbers, a line of the picture each; none given takes one of the instance
            that holds the middle of the sample.
        out: the picture.
        width: of a cell, pixels.

    Raises:
        ValueError: there is no such point.
    """
    xyz = samples.features[0, :, :3]
    middle = int(np.linalg.norm(xyz - np.median(xyz, axis=0), axis=1).argmin())
    chosen = tuple(points) or (middle,)
    for point in chosen:
        if not 0 <= point < len(xyz):
            raise ValueError(f"`point` must be in [0, {len(xyz)}). Received: point={point}")
    products = {name: found[0] for name, found in inner_products(samples.features).items()}
    rows = [_row(xyz, samples, products, point) for point in chosen]
    legend = [("no weight", _shades(0.0)), ("the largest weights", _shades(1.0))]
    figures.draw(rows, out, [legend], width)


def _row(
    xyz: np.ndarray, samples: Samples, products: Mapping[str, np.ndarray], point: int
) -> figures.Row:
    """The rows of one point, beside its true instance and class."""
    semantic, instance = samples.semantic[0], samples.instance[0]
    own_instance, own_class = instance == instance[point], semantic == semantic[point]
    panels = {"the point's instance": _shades(own_instance.astype(np.float64))}
    for name, rows in products.items():
        row = np.exp(rows[point] - rows[point].max())
        top = max(np.quantile(row, _BRIGHTEST), np.finfo(np.float64).tiny)
        panels[f"similarity, {name.upper()}"] = _shades(np.clip(row / top, 0, 1))
    panels["the point's class"] = _shades(own_class.astype(np.float64))
    return figures.Row(f"point {point}", xyz, panels, marked=point)


def _shades(share: np.ndarray | float) -> np.ndarray:
    """Light grey at 0, dark blue at 1; float64 `[..., 3]`."""
    part = np.asarray(share)[..., None]
    return 0.88 * (1 - part) + np.array((0.0, 0.2, 0.6)) * part
