"""What the preparing programs of all data sets do alike, once their flags are read."""

import argparse
from typing import TYPE_CHECKING

from ban_tf.experiments import command_line, quiet, requests, setting_flags

if TYPE_CHECKING:
    from ban_tf.data.dataset import Source


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """The flags of `requests.Preparation`, but those that choose clouds."""
    flags = command_line.parser(docstring)
    flags.add_argument("--data", type=command_line.path, required=True, help="raw input folder")
    flags.add_argument("--blocks", type=command_line.path, required=True, help="store to make")
    flags.add_argument("--quick", action="store_true", help="blocks of the reduced setting")
    setting_flags.add_block_size_flag(flags)
    setting_flags.add_seed_flag(flags, "of the draws")
    setting_flags.add_settings_flags(flags)
    command_line.add_dry_run_flag(flags)
    return flags


def carry_out(
    request: requests.Preparation, source: "Source", only_print_settings: bool = False
) -> None:
    """Prepares as asked, or prints the settings that a preparation would use.

    Args:
        request: what to do.
        source: tells the data set.
        only_print_settings: whether to do nothing else.
    """
    if only_print_settings:
        from ban_tf.config import settings
        from ban_tf.experiments import choosing

        dataset = source.find(request.data, None)
        print(settings.to_json(choosing.for_preparation(request, dataset)), end="")
        return
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import prepare

    prepare.prepare(request, source)
