"""What the programs share: flags with one meaning.

Nothing here imports TensorFlow, so `--help` answers at once.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import TypeVar, get_args

import ban_tf
from ban_tf.config import VARIANTS, Clusterer, Protocol, Recipe
from ban_tf.config.files import NETWORK_PARTS
from ban_tf.experiments import checks, requests, setting_flags
from ban_tf.experiments.flag_values import count, path
from tf_ops import choice

ORIGINALS = ("asis", "ban", "jsnet")  # whose TensorFlow 1 checkpoints can be read
EMBEDDING = tuple(sorted(set(NETWORK_PARTS) - {"bonet", "sgpn"}))  # what can be timed
_OF_THE_PROGRAM = ("classes", "print_settings")  # flags that no request has
_Request = TypeVar("_Request")


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """A parser that shows a program's docstring as it stands, with `--version`."""
    flags = argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--version", action="version", version=f"ban-tf {ban_tf.__version__}")
    return flags


def request(
    kind: Callable[..., _Request], args: argparse.Namespace, own: Sequence[str] = ()
) -> _Request:
    """The flags as a request; each has the name of a field, but for those of the program.

    Args:
        kind: of request.
        args: the flags as they were read.
        own: names of further flags that are the program's own, such as those on its data set.

    Raises:
        FileNotFoundError, ValueError: as `checks.check`; or the environment's choice of kernels is
            none, with which no work starts.
    """
    choice.requested()
    passed_over = {*_OF_THE_PROGRAM, *own}
    made = kind(**{name: value for name, value in vars(args).items() if name not in passed_over})
    checks.check(made)
    return made


def add_data_flags(flags: argparse.ArgumentParser) -> None:
    """`--data` and `--blocks`: where the input lies."""
    flags.add_argument("--data", type=path, help="raw input folder")
    flags.add_argument(
        "--blocks",
        type=path,
        help="prepared store (default: <run>/blocks), made if missing",
    )


def add_run_flag(flags: argparse.ArgumentParser, default: str) -> None:
    """`--run`: the run folder."""
    flags.add_argument("--run", type=path, help=f"run folder (default: {default})")


def add_dry_run_flag(flags: argparse.ArgumentParser) -> None:
    """`--dry-run`: what would be refused is refused, what would be done is told."""
    flags.add_argument(
        "--dry-run", action="store_true", help="tell what would be done, and write nothing"
    )


def add_clusterer_flag(flags: argparse.ArgumentParser, default: str) -> None:
    """`--clusterer`: who groups the points of a sample."""
    flags.add_argument(
        "--clusterer",
        choices=get_args(Clusterer),
        help="who groups the points of a sample: the compiled op, or scikit-learn, which gives the "
        f"same labels far more slowly (default: {default})",
    )


def add_protocol_flag(flags: argparse.ArgumentParser, help_text: str) -> None:
    """`--protocol`: which points are scored."""
    flags.add_argument("--protocol", choices=get_args(Protocol), help=help_text)


def add_overwrite_flag(flags: argparse.ArgumentParser) -> None:
    """`--overwrite`: what is there already is kept without it."""
    flags.add_argument("--overwrite", action="store_true", help="replace files that are there")


def add_picture_flags(flags: argparse.ArgumentParser, shown: str, width: int) -> None:
    """`--out` and `--width`: the picture, PNG or, by its ending, PDF and others."""
    flags.add_argument("--out", type=path, help=f"the picture to write (default: {shown})")
    flags.add_argument(
        "--width", type=count, default=width, help=f"of a cell, pixels (default: {width})"
    )


def add_length_flags(flags: argparse.ArgumentParser) -> None:
    """`--quick`, `--long` and `--epochs`: how long to train, and how small a network."""
    size = flags.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="the reduced setting of the demo")
    size.add_argument(
        "--long",
        action="store_true",
        help="the reduced setting for 8000 steps, the learning rate falling over whatever --epochs "
        "says; without data, on a larger generated data set: about an hour on one core",
    )
    flags.add_argument("--epochs", type=int, help="instead of the setting's own number")


def training_parser(docstring: str | None) -> argparse.ArgumentParser:
    """The flags of `requests.Training`, but those that choose a split."""
    flags = parser(docstring)
    add_data_flags(flags)
    add_run_flag(flags, "runs/<dataset>, with _<network> for others than ban")
    flags.add_argument(
        "--network", choices=sorted(NETWORK_PARTS), help="what to train (default: ban)"
    )
    flags.add_argument(
        "--weights", type=path, help="a .keras file to start from (default: from scratch)"
    )
    add_length_flags(flags)
    flags.add_argument(
        "--recipe",
        choices=get_args(Recipe),
        help="BAN's attention as the authors released it, or improved (default: faithful, and "
        "improved in the reduced setting)",
    )
    setting_flags.add_block_size_flag(flags)
    flags.add_argument("--batch-size", type=int, help="instead of the setting's own number")
    flags.add_argument("--learning-rate", type=float, help="at the start, instead of the setting's")
    add_clusterer_flag(flags, "native")
    setting_flags.add_seed_flag(flags, "of everything random")
    setting_flags.add_validation_flags(flags)
    setting_flags.add_settings_flags(flags)
    add_dry_run_flag(flags)
    return flags


def evaluation_parser(docstring: str | None) -> argparse.ArgumentParser:
    """The flags of `requests.Evaluation`, but those that choose a split."""
    flags = parser(docstring)
    add_data_flags(flags)
    add_run_flag(flags, "the newest below runs/")
    flags.add_argument(
        "--model", type=path, help="a run folder or a .keras file of one (instead of --run)"
    )
    add_protocol_flag(
        flags,
        "every raw point (default), or drawn as by the originals (default of --predictions)",
    )
    add_clusterer_flag(flags, "as in training")
    flags.add_argument("--predictions", type=path, help="folder of prediction files")
    flags.add_argument(
        "--estimate",
        action="store_true",
        help="print block size, bandwidth and instance sizes that suit the run's training data",
    )
    flags.add_argument(
        "--compare",
        nargs="+",
        metavar="RUN",
        help="networks or run folders, a row each; runs that differ in the seed alone share one",
    )
    flags.add_argument(
        "--report",
        action="store_true",
        help="write report.html of an evaluation that was done before anew, evaluating nothing: "
        "with links to pages of clouds that were made since",
    )
    flags.add_argument("--tf1-checkpoint", type=path, help="of the authors' code")
    flags.add_argument("--network", choices=ORIGINALS, help="what wrote --tf1-checkpoint")
    flags.add_argument("--json", type=path, help="also write the scores here")
    add_overwrite_flag(flags)
    flags.add_argument(
        "--out",
        type=path,
        help="folder of the results (default: <run>/evaluation/<protocol>)",
    )
    add_dry_run_flag(flags)
    return flags


def evaluation_request(
    flags: argparse.ArgumentParser, args: argparse.Namespace, own: Sequence[str] = ()
) -> requests.Evaluation:
    """The flags of an evaluation as a request; those that contradict each other are refused.

    Args:
        flags: which refuses them.
        args: what it has read.
        own: as for `request`.
    """
    named = [name for name in ("run", "model", "compare", "tf1_checkpoint", "predictions")
             if getattr(args, name) is not None]  # fmt: skip
    if len(named) > 1:
        listed = " and ".join(f"--{name.replace('_', '-')}" for name in named)
        flags.error(f"{listed} each say what to evaluate; give one")
    if args.all_splits and named and named[0] not in ("run", "compare"):
        flags.error("several folds need --run, the folder of all their runs")
    others = (args.data, args.blocks, args.all_splits or None, args.clusterer)
    if args.predictions is not None and any(value is not None for value in others):
        flags.error("--predictions scores files as they are; it goes with --protocol and --json")
    if args.out is not None and (args.predictions is not None or args.estimate):
        flags.error("--out is where the results of an evaluation go; the others only print")
    if args.report and (args.estimate or not set(named) <= {"run", "model"}):
        flags.error("--report is of a run that was evaluated; it goes with --run or --model")
    if args.dry_run and (args.estimate or args.report or not set(named) <= {"run", "model"}):
        flags.error("--dry-run tells of the evaluation of a run; it goes with --run or --model")
    if (args.network is None) != (args.tf1_checkpoint is None):
        flags.error("--tf1-checkpoint and --network go together")
    if args.split is not None and args.tf1_checkpoint is None:
        flags.error("which split to test goes with --tf1-checkpoint; a run knows its own")
    return request(requests.Evaluation, args, own)


def ablation_parser(docstring: str | None) -> argparse.ArgumentParser:
    """The flags of `requests.Ablation`, but those that choose a split."""
    flags = parser(docstring)
    add_data_flags(flags)
    add_run_flag(flags, "runs/<dataset>_ablation")
    flags.add_argument(
        "--seeds", type=int, default=3, help="trainings of each variant (default: 3)"
    )
    setting_flags.add_seed_flag(flags, "the first of them")
    add_length_flags(flags)
    setting_flags.add_settings_flags(flags)
    flags.add_argument(
        "--variants",
        nargs="+",
        choices=tuple(VARIANTS),
        default=tuple(VARIANTS),
        help="rows of the table (default: all)",
    )
    flags.add_argument(
        "--done",
        type=path,
        metavar="FOLDER",
        help="results of other machines, as <trial>/result.json; these trainings count as done",
    )
    add_protocol_flag(
        flags, "every raw point, or drawn as by the originals (default on the paper's data)"
    )
    add_dry_run_flag(flags)
    return flags


def timing_parser(docstring: str | None) -> argparse.ArgumentParser:
    """The flags of `requests.Timing`, but those that choose a split."""
    defaults = requests.Timing()
    flags = parser(docstring)
    flags.add_argument("--data", type=path, help="raw input folder")
    flags.add_argument("--blocks", type=path, help="prepared store (instead of --data)")
    flags.add_argument(
        "--run",
        type=path,
        nargs="+",
        default=(),
        dest="runs",
        metavar="RUN",
        help="trained runs; each other system takes the first",
    )
    flags.add_argument(
        "--systems", nargs="+", choices=EMBEDDING, default=defaults.systems, help="what to time"
    )
    flags.add_argument(
        "--num-blocks",
        type=count,
        default=defaults.num_blocks,
        help=f"of one room (default: {defaults.num_blocks})",
    )
    flags.add_argument(
        "--rounds",
        type=count,
        default=defaults.rounds,
        help=f"medians of so many (default: {defaults.rounds})",
    )
    flags.add_argument(
        "--without-originals",
        action="store_false",
        dest="with_originals",
        help="leave out scikit-learn: far faster",
    )
    flags.add_argument("--json", type=path, help="also write what was measured here")
    add_overwrite_flag(flags)
    return flags
