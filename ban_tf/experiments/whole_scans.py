"""Labels of a scan that is in memory as a whole."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf import config, progress
from ban_tf.clouds import conditioning, scan_facts, storeys
from ban_tf.clouds.cloud import Cloud
from ban_tf.clouds.formats import raw_scan
from ban_tf.config import NONE
from ban_tf.data import samples
from ban_tf.experiments import scan_files, scan_scores, trained
from ban_tf.inference import cautions, segmentation
from ban_tf.inference.results import Segmentation

_NOT_LABELLED = 0.0  # confidence and entropy of a point without a place


def storeys_of(
    conditioned: conditioning.Conditioned,
    num_points: int,
    heights: Sequence[float] | None,
    blocks: config.Blocks,
) -> storeys.Storeys:
    """The storeys of a scan.

    Args:
        conditioned: the scan.
        num_points: of its file.
        heights: as for `storeys.settle`.
        blocks: that it is cut into.

    Raises:
        ValueError: heights that are not ascending.
    """
    xyz = conditioned.cloud.xyz
    every = -(-num_points // scan_facts.SAMPLE)
    sample = xyz[conditioned.rows % every == 0]  # as of a scan in tiles
    return storeys.settle(heights, sample if len(sample) else xyz, lambda: [xyz], blocks)


def frame_of(found: storeys.Storeys) -> samples.Frame | None:
    """What positions are measured in; None for a single storey, which is the cloud."""
    if len(found) == 1:
        return None
    return samples.Frame(found.origin, found.extent_of_one, found.pitch_m)


def label(
    cloud: Cloud,
    model: trained.TrainedModel,
    state_file: Path,
    frame: samples.Frame | None = None,
) -> Segmentation:
    """The labels of the points of a scan that have a place, with progress.

    Warnings are printed: of the cloud before any work, of what came out after it.

    Args:
        cloud: the scan, its storeys beside each other.
        model: that segments it.
        state_file: from which a run that was stopped goes on.
        frame: of `frame_of`.
    """
    experiment = model.experiment
    total = num_samples_of(cloud, model)
    unit = "block" if isinstance(experiment.samples, config.Blocks) else "shape"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cautions.warn_of_other_clouds(cloud, experiment, frame)
    for warning in caught:
        print(f"warning: {warning.message}")
    with (
        warnings.catch_warnings(record=True) as caught,
        progress.Bar(total, f"segmenting {cloud.name}", unit=unit) as bar,
    ):
        warnings.simplefilter("always", UserWarning)
        for told in cautions.KINDS:
            warnings.simplefilter("ignore", told)
        found = segmentation.segment(
            cloud,
            model.predictor,
            experiment,
            model.mean_sizes,
            progress=bar.update,
            state_file=state_file,
            with_entropy=True,
            frame=frame,
        )
    for warning in caught:
        print(f"warning: {warning.message}")
    return found


def num_samples_of(cloud: Cloud, model: trained.TrainedModel) -> int:
    """How many samples of a scan the network will see.

    Args:
        cloud: the scan, its storeys beside each other.
        model: whose experiment cuts it.
    """
    return len(samples.plan_covering(cloud, model.experiment.samples))


def of_file(found: Segmentation, rows: np.ndarray, num_points: int) -> dict[str, np.ndarray]:
    """Labels of every point of a file; -1 where a point has no place.

    Args:
        found: labels of M points.
        rows: int64 `[M]`, which points of the file these are.
        num_points: N, of the file.

    Returns:
        `semantic` and `instance`, int32, `confidence` and `entropy`, float32, each `[N]`.
    """
    entropy = found.entropy if found.entropy is not None else np.zeros(len(rows), np.float32)
    labels = {}
    for name, values in zip(
        raw_scan.LABELS,
        (found.semantic, found.instance, found.confidence, entropy),
        strict=True,
    ):
        empty = NONE if values.dtype.kind == "i" else _NOT_LABELLED
        labels[name] = np.full(num_points, empty, values.dtype)
        labels[name][rows] = values
    return labels


def counts_of(
    truth: scan_files.Truth,
    found: Segmentation,
    conditioned: conditioning.Conditioned,
    labels: config.Labels,
) -> np.ndarray:
    """How the labels of a scan meet those that it brings, as `scan_scores.count`."""
    semantic, instance = truth.semantic[conditioned.rows], truth.instance[conditioned.rows]
    return scan_scores.count(semantic, instance, found.semantic, found.instance, labels)
