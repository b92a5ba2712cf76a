"""Prints where the attentions of a trained BAN look, and draws the rows of the paper's Fig. 7.

    python eval/eval_similarity.py --help

This is the command `ban-similarity`, whose explanation and flags are in
`ban_tf/programs/similarity.py`.
"""

from ban_tf.programs.similarity import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
