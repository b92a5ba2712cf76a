"""Trains BAN on S3DIS, all areas but one, and evaluates the one left out.

    python train/train_s3dis.py                                  # no data: a generated building
    python train/train_s3dis.py --data S3DIS --test-area 5       # the paper's protocol
    python train/train_s3dis.py --data S3DIS --six-fold          # all six folds
    python train/train_s3dis.py --data MY_SCANS --quick          # reduced: minutes on two cores

S3DIS is the folder `Stanford3dDataset_v1.2_Aligned_Version`, or any folder of rooms in its layout.
A stopped command, given again, goes on where it was.
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence

from ban_tf import command_line, config, runs, workflow
from ban_tf.data import s3dis, synthetic
from ban_tf.metrics import table


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    experiment = choose_experiment(args)
    parent = args.run or command_line.RUNS / experiment.dataset.name
    data = args.data
    areas = experiment.dataset.areas if args.six_fold else (experiment.test_area,)
    folds = open_folds(parent, experiment, areas, args.six_fold)
    print_settings(experiment, areas)
    if data is None and args.blocks is None:
        data = generate_building(parent / "building", experiment)
    sources = runs.Sources(args.blocks or parent / "blocks", data)
    store = workflow.prepare_or_open(s3dis.read_areas, sources, experiment)
    for run in folds:
        outcome = workflow.train_and_evaluate(run, store, sources)
        print_outcome(outcome)
    print_next_steps(parent, args)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
    command_line.add_data_flags(flags)
    command_line.add_run_flag(flags, "runs/<dataset>")
    fold = flags.add_mutually_exclusive_group()
    fold.add_argument("--test-area", type=int, help="the area left out (default: 5; building: 3)")
    fold.add_argument("--six-fold", action="store_true", help="train one network per area")
    flags.add_argument("--quick", action="store_true", help="the reduced setting of the demo")
    flags.add_argument("--epochs", type=int, help="instead of the setting's own number")
    flags.add_argument("--batch-size", type=int, help="instead of the setting's own number")
    flags.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")
    return flags.parse_args(argv)


def choose_experiment(args: argparse.Namespace) -> config.Experiment:
    """The paper's protocol, its reduced form, or the demo when there is no data."""
    if args.data is None and args.blocks is None:
        experiment = config.demo()
    else:
        experiment = config.s3dis()
        if args.data is not None:  # a wrong path is refused here, before any work
            name = s3dis.dataset_name(args.data, experiment.dataset.areas)
            dataset = dataclasses.replace(experiment.dataset, name=name)
            experiment = dataclasses.replace(experiment, dataset=dataset)
        if args.quick:
            experiment = config.quick(experiment)
    training = dataclasses.replace(
        experiment.training,
        num_epochs=args.epochs or experiment.training.num_epochs,
        batch_size=args.batch_size or experiment.training.batch_size,
    )
    return dataclasses.replace(
        experiment,
        training=training,
        seed=args.seed,
        test_area=args.test_area or experiment.test_area,
    )


def open_folds(
    parent: pathlib.Path, experiment: config.Experiment, areas: Sequence[int], six_fold: bool
) -> list[runs.Run]:
    """The runs that are still to be done; refuses when all of them are finished."""
    folders = {area: workflow.fold_folder(parent, area, six_fold) for area in areas}
    open_areas = [area for area in areas if not (folders[area] / "model.keras").is_file()]
    return [
        runs.start(folders[area], dataclasses.replace(experiment, test_area=area))
        for area in open_areas or areas
    ]


def generate_building(root: pathlib.Path, experiment: config.Experiment) -> pathlib.Path:
    """A furnished building in S3DIS's raw layout, made once."""
    if not root.is_dir():
        print(f"generating a building in {root} ...")
        synthetic.write_building(root, len(experiment.dataset.areas), seed=experiment.seed)
    return root


def print_settings(experiment: config.Experiment, areas: Sequence[int]) -> None:
    blocks, training = experiment.blocks, experiment.training
    sample = training.max_blocks_per_epoch
    print(
        f"{experiment.dataset.name}: network {experiment.network.name}, test area "
        f"{', '.join(map(str, areas))}, {blocks.num_points} points per block of {blocks.size_m:g} m"
        f" at stride {blocks.stride_m:g} m, {training.num_epochs} epochs of "
        f"{'all' if sample is None else f'at most {sample}'} blocks, batch {training.batch_size}, "
        f"seed {experiment.seed}"
    )


def print_outcome(outcome: workflow.Outcome) -> None:
    print(f"\n{table.render_text(outcome.after)}\n\n{outcome.gain()}")


def print_next_steps(parent: pathlib.Path, args: argparse.Namespace) -> None:
    six = " --six-fold" if args.six_fold else ""
    results = parent / ("area1" if args.six_fold else "")
    print(
        f"\nnetwork      {results / 'model.keras'}\nlog          {results / 'log.csv'}"
        f"\npredictions  {results / 'evaluation' / 'covering' / 'predictions'}"
        f"\nevaluate     python eval/eval_s3dis.py --run {parent}{six}"
    )
    if args.data is None and args.blocks is None:
        print(
            "real S3DIS   python train/train_s3dis.py --data Stanford3dDataset_v1.2_Aligned_Version"
        )


if __name__ == "__main__":
    command_line.run(main)
