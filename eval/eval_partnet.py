"""Evaluates networks trained on PartNet: the paper's scores and PartNet's official ones.

    python eval/eval_partnet.py --help

This is the command `ban-eval-partnet`, whose explanation and flags are in
`ban_tf/programs/evaluate_partnet.py`.
"""

from ban_tf.programs.evaluate_partnet import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
