"""Evaluates networks trained on PartNet: the paper's scores and PartNet's official ones.

    ban-eval-partnet                                    # the newest run below runs/
    ban-eval-partnet --run runs/partnet-Chair-3 --write-h5 predictions
    ban-eval-partnet --score-h5 predictions --data PARTNET --category Chair --level 3
    ban-eval-partnet --all --run runs/partnet           # a study: Tables 3 and 4
    ban-eval-partnet --compare runs/ban runs/asis       # Tables 3 and 4 with a row each

`--write-h5` writes the instances of an evaluation with the covering protocol in PartNet's own
form, `test-NN.h5`; `--score-h5` scores such files, ours or others', by the official rules for
instances (they hold no semantic labels). 40 generated chairs take half a minute on two CPU cores.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, running
from ban_tf.experiments.flag_values import path
from ban_tf.programs import names, partnet_flags

_OWN = (*partnet_flags.OWN, "write_h5", "score_h5")


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.score_h5 is not None:
        from ban_tf.programs import partnet_predictions

        partnet_predictions.score(args.score_h5, args.data, partnet_flags.choice(args), args.json)
        return
    request = command_line.evaluation_request(_flags(), args, own=_OWN)
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.data import partnet
    from ban_tf.experiments import chosen_runs
    from ban_tf.experiments.commands import evaluate, study

    if args.all:
        study.evaluate_all(request, partnet_flags.study(args))
        return
    trained_on = chosen_runs.trained_on(request)
    task = None if trained_on is None else partnet.task_of(trained_on)
    choice = partnet_flags.choice(args, task)
    if trained_on is not None and partnet.has_other(trained_on):
        choice = partnet_flags.with_other(choice)
    source = partnet.source(choice)
    evaluate.evaluate(request, source)
    if args.write_h5 is not None:
        from ban_tf.programs import partnet_predictions

        partnet_predictions.write(args.write_h5, request, source, choice)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = _flags()
    args = flags.parse_args(argv)
    _check(flags, args)
    return args


def _flags() -> argparse.ArgumentParser:
    flags = command_line.evaluation_parser(names.spelled(__doc__))
    partnet_flags.add(flags, "--run is the folder of a study: evaluate all of its runs")
    flags.add_argument("--write-h5", type=path, metavar="DIR", help="also write test-NN.h5 there")
    flags.add_argument(
        "--score-h5", type=path, metavar="DIR", help="score the test-NN.h5 there; needs --data"
    )
    flags.set_defaults(all_splits=False, split=None)
    return flags


def _check(flags: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuses flags that contradict each other."""
    if args.score_h5 is not None and args.data is None:
        flags.error("--score-h5 needs --data, where the true instances are")
    others = (args.run, args.model, args.compare, args.predictions, args.tf1_checkpoint)
    if args.score_h5 is not None and any(value is not None for value in others):
        flags.error("--score-h5 scores files as they are; it goes with --data and --json")
    if args.write_h5 is not None:
        without = (args.compare, args.predictions, args.tf1_checkpoint, args.all or None)
        if any(value is not None for value in without) or args.protocol == "legacy":
            flags.error("--write-h5 needs one run, evaluated with the covering protocol")


def command() -> None:
    """The installed command."""
    running.run(main)
