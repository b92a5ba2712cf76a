"""Evaluates trained networks on the areas they have not seen, and prints the paper's tables.

    python eval/eval_s3dis.py --help

This is the command `ban-eval`, whose explanation and flags are in
`ban_tf/programs/evaluate.py`.
"""

from ban_tf.programs.evaluate import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
