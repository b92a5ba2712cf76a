"""Trains a network on one split of a data set, or one on each, and evaluates what was left out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ban_tf import config
from ban_tf.data import preparation
from ban_tf.data.dataset import Source
from ban_tf.data.store import Store
from ban_tf.experiments import checks, choosing, folds, workflow
from ban_tf.experiments.requests import RUNS, Training
from ban_tf.metrics import table
from ban_tf.training import checkpoints, runs, trainer
from tf_ops import library

_Due = list[tuple[Path, config.Experiment]]


def train(request: Training, source: Source) -> list[workflow.Outcome]:
    """Does what a training script is asked for, and prints what comes out.

    A stopped call, given again, goes on where it was.

    Args:
        request: what to do.
        source: tells the data set.

    Returns:
        What each run that was still to be done came to.

    Raises:
        FileNotFoundError: the data are not where the request says.
        ImportError: the compiled ops are to run and do not load.
        ValueError: a request that contradicts itself or what lies in the run folder.
    """
    checks.check(request)
    dataset = source.find(request.data, request.blocks, request.long)
    experiment = choosing.for_training(request, dataset)
    parent = request.run or RUNS / default_name(experiment)
    splits = dataset.splits if request.all_splits else (experiment.split,)
    library.require_usable()  # ops that do not load are refused before any work
    if request.weights is not None:  # before anything is written
        checkpoints.require_fitting(request.weights, trainer.build_network(experiment))
    due = plan(parent, experiment, splits, request.all_splits)
    print(summary(experiment, splits))
    data = request.data
    if request.is_demo:
        data = preparation.generate(dataset, parent / "building", experiment.seed)
    sources = runs.Sources(request.blocks or parent / "blocks", data)
    store = preparation.prepare_or_open(dataset, sources.data, sources.blocks, experiment)
    for _, fold in due:
        trainer.check_batches(fold, store.select(fold.split.train))
    outcomes = [_train_one(request, folder, fold, store, sources) for folder, fold in due]
    print(where_things_lie(outcomes[-1]))
    return outcomes


def _train_one(
    request: Training,
    folder: Path,
    experiment: config.Experiment,
    store: Store,
    sources: runs.Sources,
) -> workflow.Outcome:
    run = runs.start(folder, experiment)
    if request.weights is not None:
        run.keep_initial(request.weights)
    outcome = workflow.train_and_evaluate(run, store, sources, request.quick or request.is_demo)
    print(f"\n{table.render_text(outcome.after)}")
    if outcome.before is not None:
        print(f"\n{outcome.gain()}")
    if outcome.collapse is not None:
        print(f"\nwarning: {outcome.collapse}")
    return outcome


def default_name(experiment: config.Experiment) -> str:
    """Folder of a run that was not given one: no two networks share it."""
    network = experiment.network.name
    return experiment.dataset if network == "ban" else f"{experiment.dataset}_{network}"


def plan(
    parent: Path, experiment: config.Experiment, splits: Sequence[config.Split], several: bool
) -> _Due:
    """Folders and experiments that are still to be done; refuses when all of them are finished."""
    if not several:
        runs.check(parent, experiment)
        return [(parent, experiment)]
    if (parent / "config.json").is_file():
        raise ValueError(
            f"{parent} holds a run of one split. Choose another folder (`run`) for all splits."
        )
    due = []
    for split in splits:
        fold = dataclasses.replace(experiment, split=split)
        folder = folds.folder_of(parent, split)
        if (folder / "model.keras").is_file():
            runs.require_same(runs.load(folder), fold)
            continue
        runs.check(folder, fold)
        due.append((folder, fold))
    if not due:
        raise ValueError(
            f"{parent} holds a finished training of all splits. Evaluate it, or train anew in "
            "another folder (`run`)."
        )
    folds.save(parent, splits)
    return due


def summary(experiment: config.Experiment, splits: Sequence[config.Split]) -> str:
    """One line: what is trained on what, and how long."""
    samples, training = experiment.samples, experiment.training
    early, each_epoch = training.pretraining, training.blocks_per_epoch
    size = f"{samples.num_points} points per "
    if isinstance(samples, config.Blocks):
        size += f"block of {samples.size_m:g} m at stride {samples.stride_m:g} m"
    else:
        size += "shape"
    classes_first = ""
    if early.num_epochs:
        classes_first = f"{early.num_epochs} epochs for the classes at batch {early.batch_size}, "
    return (
        f"{experiment.dataset}: network {experiment.network.name}, test on "
        f"{'; '.join(split.title for split in splits)}, {size}, {classes_first}"
        f"{training.num_epochs} epochs of {'all' if each_epoch is None else each_epoch} samples, "
        f"batch {training.batch_size}, seed {experiment.seed}"
    )


def where_things_lie(outcome: workflow.Outcome) -> str:
    """Where a run keeps what it came to."""
    run = outcome.run
    predictions = run.evaluation_folder(outcome.after.protocol) / "predictions"
    return (
        f"\nnetwork      {run.model_file}\nlog          {run.log_file}\npredictions  {predictions}"
    )
