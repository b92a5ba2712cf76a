"""Trains and evaluates the variants of BAN in the paper's Table 7, and prints the table.

    python eval/eval_ablation.py                                # no data: a generated building
    python eval/eval_ablation.py --data S3DIS --seeds 3         # the paper's: Area 5, legacy
    python eval/eval_ablation.py --data MY_SCANS --quick

Every variant is trained with each seed in a folder of its own below --run; a stopped command,
given again, repeats no finished training. The first command takes about a quarter of an hour on two
CPU cores; trainings that short do not yet show the paper's order of the variants.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, requests


def main(argv: Sequence[str] | None = None) -> None:
    request = command_line.request(requests.Ablation, parse_args(argv))
    from ban_tf.data import s3dis  # TensorFlow is imported only once there is work
    from ban_tf.experiments.commands import ablate

    ablate.ablate(request, s3dis.SOURCE)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.ablation_parser(__doc__)
    flags.add_argument(
        "--test-area",
        type="area{}".format,
        dest="split",
        metavar="N",
        help="the area left out (default: 5, else the last)",
    )
    return flags.parse_args(argv)


if __name__ == "__main__":
    command_line.run(main)
