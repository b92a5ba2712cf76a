"""Trains a network on S3DIS, all areas but one, and evaluates the one left out.

    python train/train_s3dis.py --help

This is the command `ban-train`, whose explanation and flags are in
`ban_tf/programs/train.py`.
"""

from ban_tf.programs.train import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
