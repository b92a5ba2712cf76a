"""What a page shows of a scan in tiles: some of its points, and what is known of all of them."""

from collections.abc import Sequence

import numpy as np

from ban_tf import config
from ban_tf.clouds import boxes, conditioning
from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.experiments.large_scans.points import RawPoints
from ban_tf.inference.results import Segmentation
from ban_tf.inference.tiles.labels import TiledSegmentation
from ban_tf.view.viewer import scene


def some_points(
    name: str,
    points: RawPoints,
    decision: conditioning.Decision,
    found: TiledSegmentation,
    most: int,
) -> tuple[Cloud, Segmentation]:
    """Every k-th point with a place, and its labels.

    Args:
        name: of the scan.
        points: of the file.
        decision: how they become those of the cloud.
        found: labels of the points with a place.
        most: points to take at most.
    """
    every = -(-len(found.labels) // most)
    places, colors, labels = [], [], []
    done = 0
    for xyz, rgb in points.of_cloud(decision):
        taken = slice(-done % every, None, every)
        places.append(xyz[taken])
        colors.append(None if rgb is None else rgb[taken])
        labels.append(found.labels[done : done + len(xyz)][taken])
        done += len(xyz)
    own = np.concatenate(labels)
    taken_colors = [one for one in colors if one is not None]
    cloud = unlabelled(
        name, np.concatenate(places), np.concatenate(taken_colors) if taken_colors else None
    )
    return cloud, Segmentation(
        own["semantic"], own["instance"], own["confidence"], found.instances, own["entropy"]
    )


def whole(
    found: TiledSegmentation, outlines: Sequence[np.ndarray], labels: config.Labels
) -> scene.Whole:
    """What is known of all points.

    Args:
        found: labels of the points with a place.
        outlines: of `results.outlines_of`.
        labels: of the model.
    """
    counts = np.zeros(labels.num_classes + 1, np.int64)
    for _, rows in found.labels.slices():
        counts += np.bincount(rows["semantic"] + 1, minlength=len(counts))
    instances = [
        scene.Instance(one.semantic, one.num_points, one.score, *boxes.oriented_box(outline))
        for one, outline in zip(found.instances, outlines, strict=True)
    ]
    return scene.Whole(len(found.labels), counts, instances)
