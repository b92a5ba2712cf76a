"""Writes the losses of SGPN and BoNet of fixed, fully labelled batches, at an earlier revision.

    git worktree add ../before <revision> && cd ../before
    PYTHONPATH=.:tests/support python <this file> <folder>

`tests/losses/golden/losses.npz` is of revision 9354a5b, the last whose losses knew nothing of
points without a label.
"""

import inspect
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from ban_tf.config import BoxLossConfig, SimilarityLossConfig
from ban_tf.losses.bonet import bonet_parts
from ban_tf.losses.double_hinge import double_hinge
from ban_tf.losses.group_proposal import confidence_loss, inverse_frequency, weighted_semantic_loss

SIZES = ((1, 40), (2, 75), (3, 130))  # blocks, points of each
NUM_CLASSES, NUM_BOXES = 4, 5
PER_POINT = ("logits", "features", "confidence", "xyz", "masks")  # the others are per box


def batch(size):
    """Labels of every point, and what a network might say of the points and boxes."""
    num_blocks, num_points = size
    rng = np.random.default_rng(num_points)
    semantic = rng.integers(0, NUM_CLASSES, size).astype(np.int32)
    outputs = {
        "logits": rng.normal(0, 2, (*size, NUM_CLASSES)),
        "features": rng.normal(0, 1, (*size, 8)),
        "confidence": rng.uniform(0.05, 0.95, size),
        "xyz": rng.uniform(0, 1, (*size, 3)),
        "masks": rng.uniform(0.05, 0.95, (num_blocks, NUM_BOXES, num_points)),
        "boxes": np.sort(rng.uniform(-0.2, 1.2, (num_blocks, NUM_BOXES, 2, 3)), axis=2),
        "scores": rng.uniform(0.05, 0.95, (num_blocks, NUM_BOXES)),
    }
    # Four to seven instances: in some blocks more than there are boxes.
    instance = semantic + NUM_CLASSES * (rng.integers(0, 2, size) * (semantic < num_blocks))
    labels = {"semantic": semantic, "instance": instance.astype(np.int32)}
    return labels, {name: values.astype(np.float32) for name, values in outputs.items()}


def sgpn_terms(labels, outputs):
    """Similarity, IoU, confidence and classes, as SGPN's training puts them together."""
    semantic, instance = labels["semantic"], labels["instance"]
    weight = inverse_frequency(instance)
    features = outputs["features"]
    pairs = double_hinge(features, instance, semantic, weight, 2.4, SimilarityLossConfig())
    return {
        "similarity": pairs.loss,
        "iou": pairs.iou,
        "confidence": confidence_loss(outputs["confidence"], pairs.iou, semantic),
        "semantic": weighted_semantic_loss(semantic, outputs["logits"]),
    }


def bonet_terms(labels, outputs):
    """Boxes, scores and masks."""
    known = {"instance": labels["instance"]}
    if "semantic" in inspect.signature(bonet_parts).parameters:  # not so at the old revision
        known["semantic"] = labels["semantic"]
    return bonet_parts(**known, outputs=outputs, config=BoxLossConfig())._asdict()


TERMS = {"sgpn": sgpn_terms, "bonet": bonet_terms}


def values_and_gradients(system, labels, outputs):
    """Every term of a system, and the derivatives of their sum by the network's outputs."""
    tensors = {name: tf.constant(values) for name, values in outputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        terms = TERMS[system](labels, tensors)
        total = tf.add_n([term for term in terms.values() if term.shape.rank == 0])
    slopes = tape.gradient(total, tensors)
    slopes = {f"slope of {name}": slope for name, slope in slopes.items() if slope is not None}
    return {name: value.numpy() for name, value in {**terms, **slopes}.items()}


def arithmetic():
    """How this machine rounds: libraries of other processors give other last digits."""
    numbers = np.random.default_rng(0).uniform(0.1, 2.0, (20, 8)).astype(np.float32)
    x = tf.constant(numbers)
    return np.concatenate(
        [
            np.ravel(part)
            for part in (
                *(tf.exp(x), tf.math.log(x), tf.sigmoid(x), tf.sqrt(x), tf.pow(x, 2.0)),
                *(tf.reduce_sum(x), tf.reduce_sum(x, axis=0), tf.reduce_mean(x, axis=1)),
                tf.matmul(x, x, transpose_b=True),
            )
        ]
    )


def recorded():
    """Everything that the golden file holds, by name."""
    found = {"arithmetic": arithmetic()}
    for size in SIZES:
        for system in TERMS:
            for name, value in values_and_gradients(system, *batch(size)).items():
                found[f"{system} {size[0]}x{size[1]} {name}"] = value
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "losses.npz", **recorded())
