"""Times whole systems: the layout of the paper's Table 8, and ours beside the originals' way.

    python eval/eval_efficiency.py --help

This is the command `ban-efficiency`, whose explanation and flags are in
`ban_tf/programs/efficiency.py`.
"""

from ban_tf.programs.efficiency import command, main, parse_args

__all__ = ["command", "main", "parse_args"]

if __name__ == "__main__":
    command()
