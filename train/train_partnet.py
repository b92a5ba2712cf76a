"""Trains a network on one category of PartNet at one level, and evaluates its test shapes.

    python train/train_partnet.py --help

This is the command `ban-train-partnet`, whose explanation and flags are in
`ban_tf/programs/train_partnet.py`.
"""

from ban_tf.programs.train_partnet import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
