"""Trains a network on one category of PartNet at one level, and evaluates its test shapes.

    ban-train-partnet                                       # no data: generated chairs
    ban-train-partnet --data PARTNET --category Chair --level 3
    ban-train-partnet --data PARTNET --all                  # all 50 tasks, then Tables 3 and 4
    ban-train-partnet --data PARTNET --num-points 4096 --other-as-class    # as the released code
    ban-train-partnet --data PARTNET --category Lamp --quick   # reduced: minutes on two cores
    ban-train-partnet --network asis                        # another system of the paper
    ban-train-partnet --print-settings > mine.json

PARTNET holds `ins_seg_h5/` or another of PartNet's official forms (docs/datasets_partnet.md), or
the folders of raw shapes. A stopped command, given again, goes on where it was. The first command
takes three to four minutes on two CPU cores and ends with the tables of 40 chairs it has not seen:
mIoU near 77, mCov near 62.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, requests, running
from ban_tf.programs import names, partnet_flags, training


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    request = command_line.request(requests.Training, args, own=partnet_flags.OWN)
    if args.all and not args.print_settings:
        _train_all(request, args)
        return
    from ban_tf.data import partnet

    source = partnet.source(partnet_flags.choice(args))
    outcomes = training.carry_out(request, source, args.print_settings)
    if not outcomes:
        return
    run = outcomes[-1].run.folder
    flags = training.protocol_flag(outcomes[-1])
    print(names.spelled(f"evaluate     ban-eval-partnet --run {run}{flags}"))
    if request.is_demo:
        print(names.spelled("real PartNet ban-train-partnet --data PARTNET --category Chair"))


def _train_all(request: requests.Training, args: argparse.Namespace) -> None:
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import study

    study.train_all(request, partnet_flags.study(args, generated=request.is_demo))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.training_parser(names.spelled(__doc__))
    partnet_flags.add(
        flags,
        "train every task there are data of, or all levels of --category or all categories of "
        "--level, each in a folder below --run; print Tables 3 and 4",
    )
    flags.add_argument(
        "--split",
        choices=("test", "val"),
        help="which shapes are evaluated in the end (default: test)",
    )
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
