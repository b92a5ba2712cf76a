"""Evaluates networks trained on ScanNetV2: the paper's scores and the benchmark's official ones.

    python eval/eval_scannet.py --help

This is the command `ban-eval-scannet`, whose explanation and flags are in
`ban_tf/programs/evaluate_scannet.py`.
"""

from ban_tf.programs.evaluate_scannet import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
