"""Prints where the attentions of a trained BAN look, and draws the rows of the paper's Fig. 7.

    ban-similarity                                  # the newest run
    ban-similarity --run runs/area5 --out rows.png  # and a picture
    ban-similarity --out figure7.pdf --point 100 2000 3500

For STOI and ITOS: how much of a row of the similarity lies on points of the row's own class and
instance, beside what chance would give; over how many points it spreads; and how many points are
the most similar one of some row. The picture needs matplotlib. It takes seconds.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, requests, running
from ban_tf.programs import names


def main(argv: Sequence[str] | None = None) -> None:
    request = command_line.request(requests.Similarity, parse_args(argv))
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import similarity

    similarity.report(request)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    defaults = requests.Similarity()
    flags = command_line.parser(names.spelled(__doc__))
    command_line.add_run_flag(flags, "the newest below runs/")
    flags.add_argument(
        "--num-samples",
        type=int,
        default=defaults.num_samples,
        help=f"of the test, drawn by the run's seed (default: {defaults.num_samples})",
    )
    flags.add_argument("--json", type=command_line.path, help="also write the numbers here")
    flags.add_argument(
        "--point",
        type=int,
        nargs="+",
        default=defaults.point,
        metavar="NUMBER",
        help="of the first sample, a line of the picture each (default: one in its middle)",
    )
    command_line.add_picture_flags(flags, "none is drawn", defaults.width)
    command_line.add_overwrite_flag(flags)
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
