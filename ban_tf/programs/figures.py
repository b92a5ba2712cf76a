"""Draws a cloud of an evaluated run: colours, classes and instances, true beside predicted.

    ban-figures                                   # the first cloud of the newest run
    ban-figures --run runs/demo --cloud Area_3_office_1 --out office.png
    ban-figures --html office.html                # a page for a browser instead; docs/viewer.md

The picture needs matplotlib (`python -m pip install -e ".[figures]"`); both need an evaluation with
the covering protocol. Of rooms the top and the walls on the viewer's side are left out of the
drawing, which takes seconds.
"""

import argparse
from collections.abc import Sequence

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
    flags.add_argument("--cloud", help="its name (default: the first that was evaluated)")
    flags.add_argument(
        "--out",
        type=command_line.path,
        default=defaults.out,
        help=f"the picture to write (default: {defaults.out})",
    )
    page_flags.add(flags, "write a page for a browser here instead of a picture")
    args = flags.parse_args(argv)
    page_flags.check(flags, args)
    return args


def command() -> None:
    """The installed command."""
    running.run(main)
