"""What the training programs of all data sets do alike, once their flags are read."""

from typing import TYPE_CHECKING

from ban_tf.experiments import quiet, requests

if TYPE_CHECKING:
    from ban_tf.data.dataset import Source
    from ban_tf.experiments.outcomes import Outcome


def carry_out(
    request: requests.Training, source: "Source", only_print_settings: bool = False
) -> list["Outcome"]:
    """Trains as asked, or prints the settings that a training would use.

    Args:
        request: what to do.
        source: tells the data set.
        only_print_settings: whether to do nothing else.

    Returns:
        What the run of each split came to; nothing where only settings were asked for.
    """
    if only_print_settings:
        from ban_tf.config import settings
        from ban_tf.experiments import choosing

        dataset = source.find(request.data, request.blocks, request.long)
        print(settings.to_json(choosing.for_training(request, dataset)), end="")
        return []
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import train

    return train.train(request, source)


def protocol_flag(outcome: "Outcome") -> str:
    """The flag of an evaluation program that scores the points that a training ended with."""
    return "" if outcome.after.protocol == "covering" else " --protocol legacy"
