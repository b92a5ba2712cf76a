"""Reads raw S3DIS rooms and writes their training blocks, nothing more.

    python train/prepare_s3dis.py --data S3DIS --blocks s3dis_blocks

What could not be read as it stands is listed in `<blocks>/clouds/reading_report.txt`. A stopped
command, given again, goes on where it was. All of S3DIS takes minutes, and 9 GB of disk.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, requests


def main(argv: Sequence[str] | None = None) -> None:
    request = command_line.request(requests.Preparation, parse_args(argv))
    from ban_tf.data import s3dis
    from ban_tf.experiments.commands import prepare

    prepare.prepare(request, s3dis.SOURCE)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
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
    flags.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    return flags.parse_args(argv)


if __name__ == "__main__":
    command_line.run(main)
