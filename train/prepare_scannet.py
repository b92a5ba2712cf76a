"""Reads raw scans of ScanNetV2 and writes their training blocks, nothing more.

    python train/prepare_scannet.py --help

This is the command `ban-prepare-scannet`, whose explanation and flags are in
`ban_tf/programs/prepare_scannet.py`.
"""

from ban_tf.programs.prepare_scannet import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
