"""Networks small enough for a test to train, with blocks and labels that fit them."""

import dataclasses

import keras
import numpy as np

from ban_tf.config import (
    AsisConfig,
    BackboneConfig,
    BanConfig,
    BonetConfig,
    Experiment,
    JsnetConfig,
    Labels,
    LossConfig,
    NetworkConfig,
    PointConvConfig,
    PointNetConfig,
    SetAbstractionConfig,
    SgpnConfig,
    Split,
)
from ban_tf.losses.discriminative import DiscriminativeLoss
from ban_tf.losses.semantic import semantic_loss

POINTCONV = {
    "widths": (8, 12),
    "num_neighbours": 6,
    "density_neighbours": 8,
    "weight_width": 4,
    "density_width": 4,
}
PAPER = NetworkConfig(num_classes=13, num_features=9)  # the networks on the paper's data
TINY = NetworkConfig(
    num_classes=4,
    num_features=9,
    embedding_size=3,
    backbone=BackboneConfig(
        encoder=(
            SetAbstractionConfig(num_samples=12, radius_m=0.4, num_neighbours=6, widths=(8, 8)),
            SetAbstractionConfig(num_samples=4, radius_m=0.9, num_neighbours=6, widths=(12,)),
        ),
        decoder=((12,), (8,)),
        head_width=8,
    ),
    pointnet=PointNetConfig(point_widths=(8, 12), global_widths=(8,), head_widths=(12, 8)),
    asis=AsisConfig(num_neighbours=6, chunk_rows=10),
    jsnet=JsnetConfig(
        first=SetAbstractionConfig(num_samples=12, radius_m=0.4, num_neighbours=6, widths=(8, 8)),
        encoder=(
            PointConvConfig(num_samples=8, radius_m=0.6, density_variance_m2=0.1, **POINTCONV),
            PointConvConfig(num_samples=4, radius_m=0.9, density_variance_m2=0.2, **POINTCONV),
        ),
        decoder=((16,), (8,), (8,)),
        decoder_neighbours=4,
        decoder_weight_width=4,
        head_width=8,
    ),
    sgpn=SgpnConfig(shared_widths=(16, 16), head_width=16),
    bonet=BonetConfig(
        encoder=(
            SetAbstractionConfig(num_samples=12, radius_m=0.4, num_neighbours=6, widths=(16, 16)),
            SetAbstractionConfig(num_samples=4, radius_m=0.9, num_neighbours=6, widths=(24,)),
        ),
        global_widths=(32,),
        decoder=((24,), (20,), (24,)),
        semantic_widths=(16,),
        num_boxes=6,
        box_widths=(32,),
        box_head_width=16,
        mask_input_width=16,
        mask_point_widths=(12,),
        mask_widths=(10, 8),
    ),
)


def four_classes(**settings):
    """An experiment of a data set of four classes."""
    return Experiment(
        dataset="four",
        labels=Labels(class_names=("a", "b", "c", "d")),
        split=Split(name="val", train=("one",), test=("two",)),
        **settings,
    )


def tiny(name="ban", **switches):
    return dataclasses.replace(TINY, name=name, ban=BanConfig(**switches))


def blocks(batch=2, num_points=24, seed=0):
    return np.random.default_rng(seed).uniform(size=(batch, num_points, 9)).astype(np.float32)


def labels(batch=2, num_points=24, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "logits": rng.integers(0, 4, (batch, num_points)).astype(np.int32),
        "embedding": rng.integers(0, 3, (batch, num_points)).astype(np.int32),
    }


def compiled(model, run_eagerly=False):
    # Built here, outside the traced step: Keras would trace the step twice.
    optimizer = keras.optimizers.Adam(1e-3)
    losses = {"logits": semantic_loss, "embedding": DiscriminativeLoss(LossConfig())}
    model.compile(optimizer, loss=losses, run_eagerly=run_eagerly)
    model.optimizer.build(model.trainable_variables)
    return model
