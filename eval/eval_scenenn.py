"""Evaluates networks trained on SceneNN on the scenes they have not seen.

    python eval/eval_scenenn.py --help

This is the command `ban-eval-scenenn`, whose explanation and flags are in
`ban_tf/programs/evaluate_scenenn.py`.
"""

from ban_tf.programs.evaluate_scenenn import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
