"""Trains a network on 56 scenes of SceneNN, and evaluates 20 others.

    ban-train-scenenn                                   # no data: generated rooms
    ban-train-scenenn --data SCENENN                    # the published lists of scenes
    ban-train-scenenn --data SCENENN --no-colors        # where there are no meshes with colours
    ban-train-scenenn --data MY_SCENES --quick          # reduced: minutes on two cores
    ban-train-scenenn --network asis                    # another system of the paper

SCENENN holds `<id>/<id>.ply` and `<id>/<id>.xml`, and the meshes with colours in
`color_ply_fixed/`; see docs/datasets.md. Lists of your own beside the scenes (`scenenn_train.txt`,
`scenenn_test.txt`) win over the published ones. A stopped command, given again, goes on where it
was. The first command takes three to five minutes on two CPU cores.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ban_tf.experiments import command_line, requests, running
from ban_tf.programs import names, training

if TYPE_CHECKING:
    from ban_tf.data.dataset import Source

OWN = ("colors",)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    request = command_line.request(requests.Training, args, own=OWN)
    outcomes = training.carry_out(request, source(args), args.print_settings)
    if not outcomes:
        return
    flags = training.protocol_flag(outcomes[-1])
    print(names.spelled(f"evaluate     ban-eval-scenenn --run {outcomes[-1].run.folder}{flags}"))
    if request.is_demo:
        print(names.spelled("real scenes  ban-train-scenenn --data SCENENN"))


def source(args: argparse.Namespace) -> "Source":
    """Tells the data set, with or without colours."""
    from ban_tf.data import scenenn

    return scenenn.source(args.colors)


def add_colors_flag(flags: argparse.ArgumentParser) -> None:
    """Adds `--no-colors`."""
    flags.add_argument(
        "--no-colors",
        action="store_false",
        dest="colors",
        help="let the network see coordinates alone",
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.training_parser(names.spelled(__doc__))
    add_colors_flag(flags)
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
