"""Trains a network on the official training scans of ScanNetV2, and evaluates the validation.

    python train/train_scannet.py --help

This is the command `ban-train-scannet`, whose explanation and flags are in
`ban_tf/programs/train_scannet.py`.
"""

from ban_tf.programs.train_scannet import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
