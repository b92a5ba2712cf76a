"""Trains and evaluates the variants of BAN in the paper's Table 7, and prints the table.

    python eval/eval_ablation.py --help

This is the command `ban-ablation`, whose explanation and flags are in
`ban_tf/programs/ablation.py`.
"""

from ban_tf.programs.ablation import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
