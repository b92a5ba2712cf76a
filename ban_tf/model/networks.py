"""Networks by name."""

from collections.abc import Callable

import keras

from ban_tf.config import DecayUnit, NetworkConfig, ScheduleConfig, TrainingConfig
from ban_tf.model import asis, ban, bonet, jsnet, pointnet, pointnet2, sgpn
from ban_tf.model.normalization import MomentumSchedule

BUILDERS: dict[str, Callable[[NetworkConfig, MomentumSchedule, int | None], keras.Model]] = {
    "asis": asis.build,
    "ban": ban.build,
    "bonet": bonet.build,
    "jsnet": jsnet.build,
    "jsnet_pointnet2": jsnet.build_on_pointnet2,
    "pointnet": pointnet.build,
    "pointnet2": pointnet2.build,
    "sgpn": sgpn.build,
}


def build(
    config: NetworkConfig,
    batch_norm: ScheduleConfig = TrainingConfig.batch_norm_decay,
    decay_unit: DecayUnit = "samples",
    num_points: int | None = None,
) -> keras.Model:
    """Builds the network that `config` names, with fresh weights.

    Args:
        config: name, sizes and switches.
        batch_norm: schedule of 1 - momentum of the moving averages.
        decay_unit: what `batch_norm.every` counts.
        num_points: N, where it is known to be always the same; None for any N of at least the
            first level's `num_samples`.

    Returns:
        A model from float32 `[B, N, num_features]` to outputs by name, float32 whatever the dtype
        policy: `logits` `[B, N, num_classes]`, and `embedding` `[B, N, embedding_size]` or what
        else the `build` of the network's own file says.

    Raises:
        ValueError: an unknown name, numbers of classes or features that are not known, or fewer
            points than the first level samples.

    Example:
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import networks
        >>> model = networks.build(NetworkConfig(name="pointnet", num_classes=4, num_features=6))
        >>> {name: output.shape for name, output in model.output.items()}
        {'logits': (None, None, 4), 'embedding': (None, None, 5)}
    """
    if config.name not in BUILDERS:
        raise ValueError(
            f"there is no network of this name; there are {', '.join(sorted(BUILDERS))}. "
            f"Received: config.name={config.name!r}"
        )
    if config.num_classes is None or config.num_features is None:
        raise ValueError(
            "`num_classes` and `num_features` must be known to build a network; an `Experiment` "
            "fills them in from its labels and features. Received: "
            f"num_classes={config.num_classes}, num_features={config.num_features}"
        )
    schedule = MomentumSchedule(decay=batch_norm, unit=decay_unit)
    return BUILDERS[config.name](config, schedule, num_points)
