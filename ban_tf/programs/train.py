"""Trains a network on S3DIS, all areas but one, and evaluates the one left out.

    ban-train                                  # no data: a generated building
    ban-train --data S3DIS --test-area 5       # the paper's protocol
    ban-train --data S3DIS --six-fold          # all six folds
    ban-train --data MY_SCANS --quick          # reduced: minutes on two cores
    ban-train --data MY_SCANS --classes from-data        # classes of your own
    ban-train --network asis                   # another system of the paper
    ban-train --validate-every 5 --keep best   # scores on a held-out training room
    ban-train --print-settings > mine.json     # every number; give it back with --settings

S3DIS is the folder `Stanford3dDataset_v1.2_Aligned_Version`, or any folder of rooms in its layout.
A stopped command, given again, goes on where it was. The first command takes two to four minutes on
two CPU cores and ends with the tables of the area it has not seen: mIoU near 78, mCov near 66.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, requests, running
from ban_tf.programs import classes, names, training


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    request = command_line.request(requests.Training, args)
    outcomes = training.carry_out(request, classes.source(args), args.print_settings)
    if not outcomes:
        return
    run = outcomes[-1].run.folder.parent if request.all_splits else outcomes[-1].run.folder
    flags = " --six-fold" if request.all_splits else ""
    flags += training.protocol_flag(outcomes[-1])
    print(names.spelled(f"evaluate     ban-eval --run {run}{flags}"))
    if request.is_demo:
        print(names.spelled("real S3DIS   ban-train --data Stanford3dDataset_v1.2_Aligned_Version"))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.training_parser(names.spelled(__doc__))
    fold = flags.add_mutually_exclusive_group()
    fold.add_argument(
        "--test-area",
        type="area{}".format,
        dest="split",
        metavar="N",
        help="the area left out (default: 5, else the last)",
    )
    fold.add_argument(
        "--six-fold", action="store_true", dest="all_splits", help="train one network per area"
    )
    classes.add_flag(flags)
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
