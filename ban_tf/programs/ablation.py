"""Trains and evaluates the variants of BAN in the paper's Table 7, and prints the table.

    ban-ablation                                # no data: a generated building
    ban-ablation --data S3DIS --seeds 3         # the paper's: Area 5, legacy
    ban-ablation --data MY_SCANS --quick
    ban-ablation --variants none "STOI then ITOS" --seeds 3    # some rows
    ban-ablation --long --done RESULTS          # what was trained elsewhere counts as done

Every variant is trained with each seed in a folder of its own below --run; a stopped command,
given again, repeats no finished training. The first command takes about a quarter of an hour on two
CPU cores; trainings that short do not yet show the paper's order of the variants.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, requests, running
from ban_tf.programs import names


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    request = command_line.request(requests.Ablation, args)
    if args.print_settings:
        from ban_tf.config import settings
        from ban_tf.data import s3dis
        from ban_tf.experiments import choosing

        dataset = s3dis.SOURCE.find(request.data, request.blocks, request.long)
        print(settings.to_json(choosing.for_ablation(request, dataset)), end="")
        return
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.data import s3dis
    from ban_tf.experiments.commands import ablate

    ablate.ablate(request, s3dis.SOURCE)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.ablation_parser(names.spelled(__doc__))
    flags.add_argument(
        "--test-area",
        type="area{}".format,
        dest="split",
        metavar="N",
        help="the area left out (default: 5, else the last)",
    )
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
