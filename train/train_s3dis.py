"""Trains a network on S3DIS, all areas but one, and evaluates the one left out.

    python train/train_s3dis.py                                  # no data: a generated building
    python train/train_s3dis.py --data S3DIS --test-area 5       # the paper's protocol
    python train/train_s3dis.py --data S3DIS --six-fold          # all six folds
    python train/train_s3dis.py --data MY_SCANS --quick          # reduced: minutes on two cores
    python train/train_s3dis.py --network asis                   # another system of the paper

S3DIS is the folder `Stanford3dDataset_v1.2_Aligned_Version`, or any folder of rooms in its layout.
A stopped command, given again, goes on where it was.
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence

from ban_tf import config, systems
from ban_tf.config import reduced
from ban_tf.data import preparation, s3dis
from ban_tf.data.s3dis import s3dis_experiment
from ban_tf.experiments import command_line, workflow
from ban_tf.metrics import table
from ban_tf.training import checkpoints, runs


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    experiment = choose_experiment(args)
    parent = args.run or command_line.RUNS / default_name(experiment)
    data = args.data
    areas = experiment.dataset.areas if args.six_fold else (experiment.test_area,)
    folds = plan_folds(parent, experiment, areas, args.six_fold)
    if args.weights is not None:
        checkpoints.load_model(args.weights)  # a wrong file is refused before any work
    print_settings(experiment, areas)
    if is_demo(args):
        data = preparation.generate_building(parent / "building", experiment)
    sources = runs.Sources(args.blocks or parent / "blocks", data)
    blocks = workflow.prepare_or_open(s3dis.read_areas, sources, experiment)
    outcomes = []
    for folder, fold in folds:
        run = runs.start(folder, fold)
        if args.weights is not None:
            run.keep_initial(args.weights)
        compare_untrained = args.quick or is_demo(args)
        outcomes.append(workflow.train_and_evaluate(run, blocks, sources, compare_untrained))
        print_outcome(outcomes[-1])
    print_next_steps(parent, outcomes[-1], args)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
    command_line.add_data_flags(flags)
    command_line.add_run_flag(flags, "runs/<dataset>, with _<network> for others than ban")
    flags.add_argument(
        "--network", choices=sorted(systems.SYSTEMS), default="ban", help="what to train"
    )
    flags.add_argument(
        "--weights", type=pathlib.Path, help="a .keras file to start from (default: from scratch)"
    )
    fold = flags.add_mutually_exclusive_group()
    fold.add_argument("--test-area", type=int, help="the area left out (default: 5, else the last)")
    fold.add_argument("--six-fold", action="store_true", help="train one network per area")
    flags.add_argument("--quick", action="store_true", help="the reduced setting of the demo")
    flags.add_argument("--epochs", type=int, help="instead of the setting's own number")
    flags.add_argument("--batch-size", type=int, help="instead of the setting's own number")
    flags.add_argument("--learning-rate", type=float, help="at the start, instead of the setting's")
    command_line.add_clusterer_flag(flags, "native")
    flags.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")
    return flags.parse_args(argv)


def default_name(experiment: config.Experiment) -> str:
    """Folder of a run that was not given one: no two networks share it."""
    dataset, network = experiment.dataset.name, experiment.network.name
    return dataset if network == "ban" else f"{dataset}_{network}"


def is_demo(args: argparse.Namespace) -> bool:
    return args.data is None and args.blocks is None


def choose_experiment(args: argparse.Namespace) -> config.Experiment:
    """The paper's protocol, its reduced form, or the demo when there is no data."""
    if is_demo(args):
        experiment = reduced.demo(args.network)
    else:
        experiment = config.with_network(
            s3dis_experiment.describe(args.data, args.blocks, args.test_area), args.network
        )
        if args.quick:
            experiment = reduced.quick(experiment)
    if args.test_area is not None:
        experiment = dataclasses.replace(experiment, test_area=args.test_area)
    training = experiment.training
    if args.epochs is not None:
        training = dataclasses.replace(training, num_epochs=args.epochs)
    if args.batch_size is not None:
        training = dataclasses.replace(training, batch_size=args.batch_size)
    if args.learning_rate is not None:
        rate = dataclasses.replace(training.learning_rate, initial=args.learning_rate)
        training = dataclasses.replace(training, learning_rate=rate)
    inference = experiment.inference
    if args.clusterer is not None:
        inference = dataclasses.replace(inference, clusterer=args.clusterer)
    return dataclasses.replace(experiment, training=training, inference=inference, seed=args.seed)


def plan_folds(
    parent: pathlib.Path, experiment: config.Experiment, areas: Sequence[int], six_fold: bool
) -> list[tuple[pathlib.Path, config.Experiment]]:
    """Folders and experiments that are still to be done; refuses when all of them are finished."""
    if six_fold and (parent / "config.json").is_file():
        raise ValueError(f"{parent} holds a run of one area. Choose another folder with --run.")
    due = []
    for area in areas:
        fold = dataclasses.replace(experiment, test_area=area)
        folder = workflow.fold_folder(parent, area, six_fold)
        if six_fold and (folder / "model.keras").is_file():
            runs.require_same(runs.load(folder), fold)
            continue
        runs.check(folder, fold)
        due.append((folder, fold))
    if not due:
        raise ValueError(
            f"{parent} holds a finished six-fold training. Evaluate it with eval/eval_*.py --run "
            f"{parent} --six-fold, or train anew with another --run."
        )
    return due


def print_settings(experiment: config.Experiment, areas: Sequence[int]) -> None:
    blocks, training = experiment.blocks, experiment.training
    sample, early = training.blocks_per_epoch, training.pretraining
    classes_first = ""
    if early.num_epochs:
        classes_first = f"{early.num_epochs} epochs for the classes at batch {early.batch_size}, "
    print(
        f"{experiment.dataset.name}: network {experiment.network.name}, test area "
        f"{', '.join(map(str, areas))}, {blocks.num_points} points per block of {blocks.size_m:g} m"
        f" at stride {blocks.stride_m:g} m, {classes_first}{training.num_epochs} epochs of "
        f"{'all' if sample is None else sample} blocks, batch {training.batch_size}, "
        f"seed {experiment.seed}"
    )


def print_outcome(outcome: workflow.Outcome) -> None:
    print(f"\n{table.render_text(outcome.after)}")
    if outcome.before is not None:
        print(f"\n{outcome.gain()}")
    if outcome.collapse is not None:
        print(f"\nwarning: {outcome.collapse}")


def print_next_steps(
    parent: pathlib.Path, outcome: workflow.Outcome, args: argparse.Namespace
) -> None:
    run, protocol = outcome.run, outcome.after.protocol
    flags = (" --six-fold" if args.six_fold else "") + (
        "" if protocol == "covering" else f" --protocol {protocol}"
    )
    print(
        f"\nnetwork      {run.model_file}\nlog          {run.log_file}"
        f"\npredictions  {run.evaluation_folder(protocol) / 'predictions'}"
        f"\nevaluate     python eval/eval_s3dis.py --run {parent}{flags}"
    )
    if is_demo(args):
        print(
            "real S3DIS   python train/train_s3dis.py --data Stanford3dDataset_v1.2_Aligned_Version"
        )


if __name__ == "__main__":
    command_line.run(main)
