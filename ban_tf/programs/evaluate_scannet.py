"""Evaluates networks trained on ScanNetV2: the paper's scores and the benchmark's official ones.

    ban-eval-scannet                                    # the newest run below runs/
    ban-eval-scannet --run runs/scannet --submission out      # also semantic.zip and instance.zip
    ban-eval-scannet --run runs/scannet --list test --submission out  # for the hidden test
    ban-eval-scannet --score-submission out --data SCANNET    # such files, ours or others'
    ban-eval-scannet --compare ban asis pointnet2       # Tables 5 and 6 with all rows

`--submission` writes what was predicted as the benchmark's server takes it: an id per vertex, and
zipped masks of instances with their scores. `--score-submission` reads such files back and scores
them against the raw scans by the official rules, to the same numbers. Two generated rooms take half
a minute on two CPU cores.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, running
from ban_tf.experiments.flag_values import path
from ban_tf.programs import names, scannet_flags

_OWN = (*scannet_flags.OWN, "submission", "score_submission")


def main(argv: Sequence[str] | None = None) -> None:
    flags = _flags()
    args = flags.parse_args(argv)
    _check(flags, args)
    if args.score_submission is not None:
        from ban_tf.programs import scannet_submission

        lists = args.test or ("val",)
        scannet_submission.score(args.score_submission, args.data, lists, args.classes, args.json)
        return
    request = command_line.evaluation_request(flags, args, own=_OWN)
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import evaluate

    source = scannet_flags.source(args)
    evaluate.evaluate(request, source)
    if args.submission is not None:
        from ban_tf.programs import scannet_submission

        scannet_submission.write(args.submission, request, source)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    return _flags().parse_args(argv)


def _flags() -> argparse.ArgumentParser:
    flags = command_line.evaluation_parser(names.spelled(__doc__))
    flags.add_argument(
        "--list",
        dest="test",
        type=lambda name: (name,),
        choices=[(name,) for name in scannet_flags.LISTS],
        metavar="{val,test}",
        help="scans of which official list (default: those that were held out)",
    )
    flags.add_argument("--submission", type=path, metavar="DIR", help="also write the files there")
    flags.add_argument(
        "--score-submission", type=path, metavar="DIR", help="score the files there; needs --data"
    )
    flags.add_argument("--split", choices=("val", "test"), help="with --tf1-checkpoint")
    scannet_flags.add_classes(flags)
    flags.set_defaults(all_splits=False)
    return flags


def _check(flags: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuses flags that contradict each other."""
    if args.score_submission is not None:
        others = (args.run, args.model, args.compare, args.predictions, args.tf1_checkpoint)
        if args.data is None:
            flags.error("--score-submission needs --data, where the true labels are")
        if any(value is not None for value in (*others, args.submission)):
            flags.error("--score-submission scores files as they are; it goes with --data, --list, "
                        "--classes and --json")  # fmt: skip
    if args.submission is not None:
        without = (args.compare, args.predictions, args.tf1_checkpoint)
        if any(value is not None for value in without) or args.protocol == "legacy":
            flags.error("--submission needs one run, evaluated with the covering protocol")


def command() -> None:
    """The installed command."""
    running.run(main)
