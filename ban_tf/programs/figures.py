"""Draws clouds of evaluated runs as in the paper's Figures 1, 4, 5 and 6.

    ban-figures                                   # the first cloud of the newest run
    ban-figures --run runs/demo --cloud Area_3_office_1 --out office.png
    ban-figures --run runs/ban --compare runs/asis --cloud Area_5_office_1 Area_5_office_2 \\
        --panels scene instances classes --out figure4.pdf
    ban-figures --html office.html                # a page for a browser instead; docs/viewer.md

A line for each cloud; beside each other the scene, true and predicted instances, where objects that
match have one colour, true and predicted classes, and what is wrong where. The picture needs
matplotlib (`python -m pip install -e ".[figures]"`); picture and page need an evaluation with the
covering protocol. Of rooms the top and the walls on the viewer's side are left out of the drawing,
which takes seconds.
"""

import argparse
from collections.abc import Sequence
from typing import get_args

from ban_tf.config.pictures import ClassColors, Panel
from ban_tf.experiments import command_line, page_flags, requests, running
from ban_tf.programs import names


def main(argv: Sequence[str] | None = None) -> None:
    request = command_line.request(requests.Figure, parse_args(argv))
    from ban_tf.experiments.commands import figures  # which imports NumPy, only once there is work

    figures.draw(request)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    defaults = requests.Figure()
    flags = command_line.parser(names.spelled(__doc__))
    command_line.add_run_flag(flags, "the newest below runs/")
    flags.add_argument(
        "--compare",
        type=command_line.path,
        nargs="+",
        default=defaults.compare,
        metavar="RUN",
        help="further run folders, columns beside the first's",
    )
    flags.add_argument(
        "--cloud",
        nargs="+",
        default=defaults.cloud,
        metavar="NAME",
        help="a line for each (default: the first that was evaluated)",
    )
    flags.add_argument(
        "--panels",
        nargs="+",
        choices=get_args(Panel),
        default=defaults.panels,
        help=f"groups of columns, in their order (default: {' '.join(defaults.panels)})",
    )
    flags.add_argument(
        "--class-colors",
        choices=get_args(ClassColors),
        default=defaults.class_colors,
        help="colours that the colour-blind tell apart too (distinct, default), or the data set's "
        "own",
    )
    command_line.add_picture_flags(flags, "cloud.png", defaults.width)
    page_flags.add(flags, "write a page of one cloud for a browser here instead of a picture")
    command_line.add_overwrite_flag(flags)
    args = flags.parse_args(argv)
    page_flags.check(flags, args)
    return args


def command() -> None:
    """The installed command."""
    running.run(main)
