"""Reads raw S3DIS rooms and writes their training blocks, nothing more.

    python train/prepare_s3dis.py --help

This is the command `ban-prepare`, whose explanation and flags are in
`ban_tf/programs/prepare.py`.
"""

from ban_tf.programs.prepare import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
