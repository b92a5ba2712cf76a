"""Serves an exported model by the protocols of TensorFlow Serving.

    python eval/serve.py --help

This is the command `ban-serve`, whose explanation and flags are in `ban_tf/programs/serve.py`.
"""

from ban_tf.programs.serve import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
