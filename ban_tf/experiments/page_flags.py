"""The flags of programs that write a page which shows a cloud; nothing here is heavy."""

import argparse

from ban_tf.experiments.flag_values import path


def add(flags: argparse.ArgumentParser, help_text: str) -> None:
    """`--html` and `--similarity`: the page, and what it knows of the attentions."""
    flags.add_argument("--html", type=path, metavar="FILE", help=help_text)
    flags.add_argument(
        "--similarity",
        action="store_true",
        help="with --html, of a network with attentions: keep where they look, so that a click "
        "shows the similarity of a point (some MB)",
    )


def check(flags: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuses `--similarity` without a page."""
    if args.similarity and args.html is None:
        flags.error("--similarity is kept in a page; it goes with --html")
