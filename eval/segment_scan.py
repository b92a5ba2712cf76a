"""Gives every point of your own scan a class and an instance.

    python eval/segment_scan.py --help

This is the command `ban-segment`, whose explanation and flags are in
`ban_tf/programs/segment_scan.py`.
"""

from ban_tf.programs.segment_scan import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
