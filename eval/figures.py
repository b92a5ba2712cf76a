"""Draws a cloud of an evaluated run: colours, classes and instances, true beside predicted.

    python eval/figures.py --help

This is the command `ban-figures`, whose explanation and flags are in
`ban_tf/programs/figures.py`.
"""

from ban_tf.programs.figures import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
