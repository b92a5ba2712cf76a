"""Reads raw scans of ScanNetV2 and writes their training blocks, nothing more.

    ban-prepare-scannet --data SCANNET --blocks scannet_blocks
    ban-prepare-scannet --data SCANNET --blocks scannet_blocks --lists train val
    ban-prepare-scannet --data SCANNET --blocks scannet200_blocks --classes 200

SCANNET holds `scans/` and, with the hidden test, `scans_test/`. What could not be read as it stands
is listed in `<blocks>/clouds/reading_report.txt`; scans that cannot be read at all do not keep the
others from being prepared. A stopped command, given again, goes on where it was.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, requests, running
from ban_tf.programs import names, preparing, scannet_flags


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    request = command_line.request(requests.Preparation, args, own=scannet_flags.OWN)
    preparing.carry_out(request, scannet_flags.source(args), args.print_settings)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = preparing.parser(names.spelled(__doc__))
    flags.add_argument(
        "--lists",
        nargs="+",
        choices=scannet_flags.LISTS,
        dest="groups",
        help="scans of which official lists (default: of all)",
    )
    scannet_flags.add_classes(flags)
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
