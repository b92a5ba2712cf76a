"""Reads raw S3DIS rooms and writes their training blocks, nothing more.

    python train/prepare_s3dis.py --data S3DIS --blocks s3dis_blocks

What could not be read as it stands is listed in `<blocks>/clouds/reading_report.txt`. A stopped
command, given again, goes on where it was.
"""

import argparse
import dataclasses
from collections.abc import Sequence

from ban_tf import config
from ban_tf.config import reduced
from ban_tf.data import preparation, s3dis
from ban_tf.experiments import command_line


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    experiment = reduced.quick(config.s3dis()) if args.quick else config.s3dis()
    areas = args.areas or s3dis.list_areas(args.data)
    name = s3dis.dataset_name(args.data, areas)
    dataset = dataclasses.replace(experiment.dataset, name=name)
    experiment = dataclasses.replace(experiment, dataset=dataset, seed=args.seed)
    store = preparation.prepare(s3dis.read_areas, args.data, args.blocks, experiment, areas)
    print(
        f"{args.blocks}: {len(store.rooms)} rooms, {len(store)} blocks of {store.num_points} points"
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
    command_line.add_data_flags(flags)
    flags.add_argument("--areas", type=int, nargs="+", help="which areas (default: all)")
    flags.add_argument("--quick", action="store_true", help="blocks of the reduced setting")
    flags.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    args = flags.parse_args(argv)
    if args.data is None or args.blocks is None:
        flags.error("--data and --blocks are needed")
    return args


if __name__ == "__main__":
    command_line.run(main)
