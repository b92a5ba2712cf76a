"""Trains a network on the official training scans of ScanNetV2, and evaluates the validation.

    ban-train-scannet                                   # no data: generated rooms
    ban-train-scannet --data SCANNET                    # the 1201 and the 312 official scans
    ban-train-scannet --data SCANNET --classes 200      # the classes of ScanNet200
    ban-train-scannet --data SCANNET --split test       # on all 1513, for the hidden test
    ban-train-scannet --data MY_SCANS --quick           # reduced: minutes on two cores
    ban-train-scannet --network asis                    # another system of the paper
    ban-train-scannet --print-settings > mine.json      # every number; give it back with --settings

SCANNET holds `scans/` and `scannetv2-labels.combined.tsv`; see docs/datasets.md. Lists of your own
beside the scans (`scannetv2_train.txt`, `scannetv2_val.txt`) win over the official ones. A stopped
command, given again, goes on where it was. The first command takes three to five minutes on two CPU
cores and ends with the paper's Tables 5 and 6 of two rooms it has not seen, and the official scores
of the benchmark.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, requests, running
from ban_tf.programs import names, scannet_flags, training


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    request = command_line.request(requests.Training, args, own=scannet_flags.OWN)
    outcomes = training.carry_out(request, scannet_flags.source(args), args.print_settings)
    if not outcomes:
        return
    flags = training.protocol_flag(outcomes[-1])
    print(names.spelled(f"evaluate     ban-eval-scannet --run {outcomes[-1].run.folder}{flags}"))
    if request.is_demo:
        print(names.spelled("real scans   ban-train-scannet --data SCANNET"))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.training_parser(names.spelled(__doc__))
    flags.add_argument(
        "--split",
        choices=("val", "test"),
        help="train on `train` and evaluate `val` (default), or train on both and predict the "
        "hidden test",
    )
    scannet_flags.add_classes(flags)
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
