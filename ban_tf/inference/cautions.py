"""Warnings of clouds that a network can label, but was not trained on the like of."""

import warnings

from ban_tf import config
from ban_tf.clouds import uprightness
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import samples


class MissingColorsWarning(UserWarning):
    """A cloud without colours is given to a network that was trained with them."""


class ScaleWarning(UserWarning):
    """A cloud that is to be cut into blocks can hardly be in metres."""


class NotUprightWarning(UserWarning):
    """z does not seem to be up in a cloud; networks for rooms were trained on upright ones."""


KINDS: tuple[type[UserWarning], ...] = (MissingColorsWarning, ScaleWarning, NotUprightWarning)


def warn_of_other_clouds(
    cloud: Cloud, experiment: config.Experiment, frame: samples.Frame | None = None
) -> None:
    """Warns of a cloud unlike those that a network was trained on, as of the caller's caller.

    Args:
        cloud: with at least one point.
        experiment: of the network that is to segment it.
        frame: of one of the parts that lie beside each other in it; None is that of the cloud.

    Raises:
        ValueError: the cloud is empty, or wider than any in metres.
    """
    if cloud.rgb is None and "rgb" in experiment.features.names:
        warnings.warn(
            f"{cloud.name} has no colours, and the network was trained with them: it is given "
            "black, and its labels may be far worse. Use a network without the feature rgb.",
            MissingColorsWarning,
            stacklevel=3,
        )
    extent = (samples.frame_of(cloud) if frame is None else frame).extent
    if not isinstance(experiment.samples, config.Blocks):
        return
    doubt = samples.doubt_of_metres(extent)
    if doubt:
        warnings.warn(
            f"{cloud.name} must be in metres; {doubt}. Received: {samples.shown(extent)}",
            ScaleWarning,
            stacklevel=3,
        )
    doubt = uprightness.doubt(cloud.xyz)
    if doubt:
        warnings.warn(
            f"{cloud.name} does not seem to stand upright: {doubt}. The network was trained on "
            "clouds whose z axis points up; turn the cloud, or its labels may be far worse.",
            NotUprightWarning,
            stacklevel=3,
        )
