"""Trains and evaluates the variants of BAN in the paper's Table 7, and prints the table.

    python eval/eval_ablation.py                                # no data: a generated building
    python eval/eval_ablation.py --data S3DIS --seeds 3         # the paper's: Area 5, legacy
    python eval/eval_ablation.py --data MY_SCANS --quick

Every variant is trained with each seed in a folder of its own below --run; a stopped command,
given again, repeats no finished training.
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence

from ban_tf import config
from ban_tf.config import reduced
from ban_tf.data import preparation, s3dis
from ban_tf.data.s3dis import s3dis_experiment
from ban_tf.experiments import ablation, command_line, results, workflow
from ban_tf.metrics import ablation_tables as ablation_tables
from ban_tf.training import runs

DEMO_EPOCHS = 4  # of 40 steps: all 18 trainings take about a quarter of an hour


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    experiment = choose_experiment(args)
    protocol = args.protocol or default_protocol(experiment)
    parent = args.run or command_line.RUNS / f"{experiment.dataset.name}_ablation"
    trials = ablation.plan(parent, experiment, args.variants, args.seeds)
    data = args.data
    if is_demo(args):
        data = preparation.generate_building(parent / "building", experiment)
    sources = runs.Sources(args.blocks or parent / "blocks", data)
    store = workflow.prepare_or_open(s3dis.read_areas, sources, experiment)
    done: dict[str, list[results.Result]] = {}
    for number, trial in enumerate(trials, start=1):
        state = "done before" if ablation.is_done(trial, protocol) else "training, evaluating"
        print(f"[{number}/{len(trials)}] {trial.variant}, seed {trial.experiment.seed}: {state}")
        result = ablation.carry_out(trial, store, sources, protocol)
        done.setdefault(trial.variant, []).append(result)
    report(done, parent)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
    command_line.add_data_flags(flags)
    command_line.add_run_flag(flags, "runs/<dataset>_ablation")
    flags.add_argument(
        "--test-area", type=int, help="the area left out (default: 5, else the last)"
    )
    flags.add_argument(
        "--seeds", type=int, default=3, help="trainings of each variant (default: 3)"
    )
    flags.add_argument("--seed", type=int, default=0, help="the first of them (default: 0)")
    flags.add_argument("--quick", action="store_true", help="the reduced setting of the demo")
    flags.add_argument("--epochs", type=int, help="instead of the setting's own number")
    flags.add_argument(
        "--variants",
        nargs="+",
        choices=tuple(config.ABLATIONS),
        default=tuple(config.ABLATIONS),
        help="rows of the table (default: all)",
    )
    flags.add_argument(
        "--protocol",
        choices=("covering", "legacy"),
        help="every raw point, or drawn as by the originals (default on S3DIS)",
    )
    return flags.parse_args(argv)


def is_demo(args: argparse.Namespace) -> bool:
    return args.data is None and args.blocks is None


def choose_experiment(args: argparse.Namespace) -> config.Experiment:
    """The paper's protocol, its reduced form, or a shorter demo when there is no data."""
    epochs = args.epochs
    if is_demo(args):
        experiment = reduced.demo()
        epochs = DEMO_EPOCHS if epochs is None else epochs
    else:
        experiment = s3dis_experiment.describe(args.data, args.blocks, args.test_area)
        if args.quick:
            experiment = reduced.quick(experiment)
    if args.test_area is not None:
        experiment = dataclasses.replace(experiment, test_area=args.test_area)
    training = experiment.training
    if epochs is not None:
        training = dataclasses.replace(training, num_epochs=epochs)
    return dataclasses.replace(experiment, training=training, seed=args.seed)


def default_protocol(experiment: config.Experiment) -> config.Protocol:
    """Only the originals' protocol may stand beside the paper's numbers."""
    return "legacy" if experiment.dataset.name == config.S3DIS.name else "covering"


def report(done: dict[str, list[results.Result]], parent: pathlib.Path) -> None:
    """Prints the tables, and writes them beside the runs they were made from."""
    scores = {variant: [result.scores for result in found] for variant, found in done.items()}
    tables = ablation_tables.tables(scores)
    print("\n" + "\n\n".join(table.text() for table in tables))
    runs.write_text(
        parent / "ablation.md", "\n\n".join(table.markdown() for table in tables) + "\n"
    )
    print(f"\nwrote {parent / 'ablation.md'}; the results of each training lie below {parent}")


if __name__ == "__main__":
    command_line.run(main)
