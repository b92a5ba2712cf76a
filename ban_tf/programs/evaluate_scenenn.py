"""Evaluates networks trained on SceneNN on the scenes they have not seen.

    ban-eval-scenenn                                    # the newest run below runs/
    ban-eval-scenenn --run runs/scenenn --protocol legacy
    ban-eval-scenenn --compare ban asis pointnet2       # a row each

The numbers that the paper's authors give for SceneNN are in docs/datasets.md: they do not compare.
Two generated rooms take half a minute on two CPU cores.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, running
from ban_tf.programs import names, train_scenenn


def main(argv: Sequence[str] | None = None) -> None:
    flags = _flags()
    args = flags.parse_args(argv)
    request = command_line.evaluation_request(flags, args, own=train_scenenn.OWN)
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import evaluate

    evaluate.evaluate(request, train_scenenn.source(args))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    return _flags().parse_args(argv)


def _flags() -> argparse.ArgumentParser:
    flags = command_line.evaluation_parser(names.spelled(__doc__))
    train_scenenn.add_colors_flag(flags)
    flags.set_defaults(all_splits=False, split=None)
    return flags


def command() -> None:
    """The installed command."""
    running.run(main)
