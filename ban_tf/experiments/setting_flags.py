"""Flags that change numbers of the experiment, one by one or by a file."""

import argparse
from typing import get_args

from ban_tf.config import Keep
from ban_tf.experiments.flag_values import count, path


def add_settings_flags(flags: argparse.ArgumentParser) -> None:
    """`--settings` and `--print-settings`: any number of the experiment, as a file."""
    flags.add_argument(
        "--settings",
        type=path,
        metavar="FILE",
        help="JSON file of the numbers that are to change, such as "
        '{"samples": {"size_m": 2.0}}; what a flag says wins over the file',
    )
    flags.add_argument(
        "--print-settings",
        action="store_true",
        help="print all numbers that this command would use, as such a file, and do nothing else",
    )


def add_block_size_flag(flags: argparse.ArgumentParser) -> None:
    """`--block-size`: what the samples of small objects need."""
    flags.add_argument(
        "--block-size",
        type=float,
        metavar="METRES",
        help="side of the blocks, with their stride and the network's radii: smaller for objects "
        "much smaller than furniture (default: the setting's, 1)",
    )


def add_validation_flags(flags: argparse.ArgumentParser) -> None:
    """`--validate-every`, `--validation-clouds`, `--keep`: how training goes, as it goes."""
    flags.add_argument(
        "--validate-every",
        type=count,
        metavar="EPOCHS",
        help="score the network so often on held-out training clouds (default: never; then it is "
        "trained on all of them)",
    )
    flags.add_argument(
        "--validation-clouds",
        type=count,
        metavar="N",
        help="how many training clouds are held out (default: 1 with --validate-every)",
    )
    flags.add_argument(
        "--keep",
        choices=get_args(Keep),
        help="end with the last network, or with the one of the best validation (default: last)",
    )


def add_seed_flag(flags: argparse.ArgumentParser, what: str) -> None:
    """`--seed`: None leaves the settings' own, which is 0 without a file."""
    flags.add_argument("--seed", type=int, help=f"{what} (default: 0)")
