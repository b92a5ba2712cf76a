"""Writes a trained network for TensorFlow Serving.

    python train/export_savedmodel.py --help

This is the command `ban-export`, whose explanation and flags are in
`ban_tf/programs/export.py`.
"""

from ban_tf.programs.export import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
