"""The reduced setting: every network small enough that two CPU cores train it in minutes.

None of these numbers is the paper's; those are in `config`. BAN's attention is the improved one,
which shows its effect in so short a training; `config.with_recipe` goes back to the released one.
"""

import dataclasses

from ban_tf.config import (
    BackboneConfig,
    BonetConfig,
    Experiment,
    JsnetConfig,
    PointConvConfig,
    PointNetConfig,
    SetAbstractionConfig,
    SgpnConfig,
    for_samples,
    with_recipe,
)

_ENCODER = (
    SetAbstractionConfig(num_samples=256, radius_m=0.1, num_neighbours=16, widths=(16, 16, 32)),
    SetAbstractionConfig(num_samples=64, radius_m=0.2, num_neighbours=16, widths=(32, 32, 64)),
    SetAbstractionConfig(num_samples=16, radius_m=0.4, num_neighbours=16, widths=(64, 64, 128)),
    SetAbstractionConfig(num_samples=4, radius_m=0.8, num_neighbours=16, widths=(128, 128, 256)),
)
_DECODER = ((128, 128), (128, 128), (128, 64), (64, 64))
_POINT_CONV = PointConvConfig(
    num_samples=64,
    radius_m=0.2,
    density_variance_m2=0.1,
    widths=(32, 32, 64),
    num_neighbours=16,
    density_neighbours=64,
    weight_width=16,
)
_JSNET = JsnetConfig(
    first=_ENCODER[0],
    encoder=(
        _POINT_CONV,
        dataclasses.replace(
            _POINT_CONV,
            num_samples=16,
            radius_m=0.4,
            density_variance_m2=0.2,
            widths=(64, 64, 128),
        ),
        dataclasses.replace(
            _POINT_CONV,
            num_samples=8,
            radius_m=0.8,
            density_variance_m2=0.4,
            widths=(128, 128, 256),
            density_neighbours=16,
        ),
    ),
    decoder=_DECODER,
    decoder_neighbours=8,
    decoder_weight_width=16,
    head_width=64,
)
_BONET = BonetConfig(
    encoder=_ENCODER[:3],
    global_widths=(128, 128, 256),
    decoder=_DECODER,
    semantic_widths=(64, 64),
    box_widths=(256, 128),
    box_head_width=128,
    mask_input_width=128,
    mask_point_widths=(64, 64),
    mask_widths=(32, 16),
)
_POINTNET = PointNetConfig(
    point_widths=(32, 32, 32, 64, 256), global_widths=(64, 32), head_widths=(128, 64, 64)
)


STEPS_PER_EPOCH = 40
LONG_EPOCHS = 200  # 8000 steps: what it takes for the attention to learn, see docs/results.md


def long(experiment: Experiment, epochs: int = LONG_EPOCHS) -> Experiment:
    """The reduced experiment at a length where attention has learnt: hours instead of minutes.

    The learning rate starts at 2e-3 and is halved five times over the run, 1 - batch-norm momentum
    six times, however long the run is.

    Args:
        experiment: any.
        epochs: of 40 steps.
    """
    reduced = quick(experiment)
    samples = epochs * STEPS_PER_EPOCH * reduced.training.batch_size
    training = reduced.training
    return dataclasses.replace(
        reduced,
        training=dataclasses.replace(
            training,
            num_epochs=epochs,
            learning_rate=dataclasses.replace(
                training.learning_rate, initial=2e-3, every=max(1, samples // 6)
            ),
            batch_norm_decay=dataclasses.replace(
                training.batch_norm_decay, every=max(1, samples // 7)
            ),
        ),
    )


def quick(experiment: Experiment) -> Experiment:
    """The same experiment, reduced so that two CPU cores train and evaluate it in minutes."""
    # A few hundred steps are all there is: start higher, and come down within the run.
    rate = experiment.training.learning_rate
    early = experiment.training.pretraining
    experiment = with_recipe(experiment, "improved")
    inference = experiment.inference
    return dataclasses.replace(
        experiment,
        samples=dataclasses.replace(experiment.samples, num_points=1024),
        network=for_samples(
            dataclasses.replace(
                experiment.network,
                backbone=BackboneConfig(encoder=_ENCODER, decoder=_DECODER, head_width=64),
                pointnet=_POINTNET,
                jsnet=_JSNET,
                sgpn=SgpnConfig(shared_widths=(128, 128), head_width=64),
                bonet=_BONET,
            ),
            experiment.samples,
        ),
        training=dataclasses.replace(
            experiment.training,
            batch_size=8,
            num_epochs=14,
            blocks_per_epoch=8 * STEPS_PER_EPOCH,
            learning_rate=dataclasses.replace(rate, initial=4 * rate.initial, every=2_000),
            learning_rate_by_epoch=False,
            pretraining=dataclasses.replace(
                early,
                num_epochs=min(early.num_epochs, 8),
                batch_size=8,
                learning_rate=dataclasses.replace(early.learning_rate, initial=4e-3, every=2_000),
            ),
        ),
        inference=dataclasses.replace(
            inference,
            batch_size=8,
            # A quarter of the points: a group may be as small for its object as it was.
            group_merging=dataclasses.replace(
                inference.group_merging, min_group_points=12, num_calibration_blocks=64
            ),
        ),
    )
