"""What may be wrong with a cloud though it can be segmented: told, not refused."""

import warnings

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import samples


class MissingColorsWarning(UserWarning):
    """A cloud without colours is given to a network that was trained with them."""


class ScaleWarning(UserWarning):
    """A cloud that is to be cut into blocks can hardly be in metres."""


def warn(cloud: Cloud, experiment: config.Experiment, stacklevel: int) -> None:
    """Warns of colours that are missing, and of lengths that can hardly be metres.

    Args:
        cloud: with at least one point.
        experiment: of the network that is to segment it.
        stacklevel: of the warnings, as `warnings.warn` counts them from here.

    Raises:
        ValueError: the cloud is empty, or wider than any in metres.
    """
    if cloud.rgb is None and "rgb" in experiment.features.names:
        warnings.warn(
            f"{cloud.name} has no colours, and the network was trained with them: it is given "
            "black, and its labels may be far worse. Use a network without the feature rgb.",
            MissingColorsWarning,
            stacklevel=stacklevel,
        )
    extent = samples.frame_of(cloud).extent
    doubt = samples.doubt_of_metres(extent)
    if doubt and isinstance(experiment.samples, config.Blocks):
        warnings.warn(
            f"{cloud.name} must be in metres; {doubt}. Received: {samples.shown(extent)}",
            ScaleWarning,
            stacklevel=stacklevel,
        )
