"""Trains a network on 56 scenes of SceneNN, and evaluates 20 others.

    python train/train_scenenn.py --help

This is the command `ban-train-scenenn`, whose explanation and flags are in
`ban_tf/programs/train_scenenn.py`.
"""

from ban_tf.programs.train_scenenn import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
