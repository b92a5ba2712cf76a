"""Reads raw S3DIS rooms and writes their training blocks, nothing more.

    ban-prepare --data S3DIS --blocks s3dis_blocks

What could not be read as it stands is listed in `<blocks>/clouds/reading_report.txt`. A stopped
command, given again, goes on where it was. All of S3DIS takes minutes, and 9 GB of disk.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, requests, running
from ban_tf.programs import classes, names, preparing


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    request = command_line.request(requests.Preparation, args)
    preparing.carry_out(request, classes.source(args), args.print_settings)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = preparing.parser(names.spelled(__doc__))
    flags.add_argument(
        "--areas",
        type="Area_{}".format,
        nargs="+",
        dest="groups",
        metavar="N",
        help="which areas (default: all)",
    )
    classes.add_flag(flags)
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
