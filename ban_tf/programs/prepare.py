"""Reads raw S3DIS rooms and writes their training blocks, nothing more.

    ban-prepare --data S3DIS --blocks s3dis_blocks

What could not be read as it stands is listed in `<blocks>/clouds/reading_report.txt`. A stopped
command, given again, goes on where it was. All of S3DIS takes minutes, and 9 GB of disk.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, requests, running, setting_flags
from ban_tf.programs import classes, names


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    request = command_line.request(requests.Preparation, args)
    source = classes.source(args)
    if args.print_settings:
        from ban_tf.config import settings
        from ban_tf.experiments import choosing

        dataset = source.find(request.data, None)
        print(settings.to_json(choosing.for_preparation(request, dataset)), end="")
        return
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import prepare

    prepare.prepare(request, source)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(names.spelled(__doc__))
    flags.add_argument("--data", type=command_line.path, required=True, help="raw input folder")
    flags.add_argument("--blocks", type=command_line.path, required=True, help="store to make")
    flags.add_argument(
        "--areas",
        type="Area_{}".format,
        nargs="+",
        dest="groups",
        metavar="N",
        help="which areas (default: all)",
    )
    flags.add_argument("--quick", action="store_true", help="blocks of the reduced setting")
    setting_flags.add_seed_flag(flags, "of the draws")
    setting_flags.add_settings_flags(flags)
    classes.add_flag(flags)
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
