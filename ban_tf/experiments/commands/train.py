"""Trains a network on one split of a data set, or one on each, and evaluates what was left out."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ban_tf import config, disk
from ban_tf.data import preparation
from ban_tf.data.dataset import Source
from ban_tf.data.store import Store
from ban_tf.experiments import checks, choosing, folds, outcomes, pooling, workflow
from ban_tf.experiments.requests import RUNS, Training
from ban_tf.metrics import table
from ban_tf.training import checkpoints, runs, trainer
from tf_ops import library

_Due = list[tuple[Path, config.Experiment]]


def train(request: Training, source: Source) -> list[outcomes.Outcome]:
    """Does what a training script is asked for, and prints what comes out.

    A stopped call, given again, goes on where it was, be that in the training or in the evaluation
    after it. With more epochs a finished run goes on.

    Args:
        request: what to do.
        source: tells the data set.

    Returns:
        What the run of each split came to.

    Raises:
        FileNotFoundError: the data are not where the request says.
        ImportError: the compiled ops are to run and do not load.
        ValueError: a request that contradicts itself or what lies in the run folder.
        disk.FolderInUseError: another process writes to the run's folder or to the store.
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
    if request.dry_run:
        print(_dry_plan(request, parent, due))
        return []
    data = request.data
    with disk.one_writer(parent):
        if request.is_demo:
            data = preparation.generate(dataset, parent / "building", experiment.seed)
        sources = runs.Sources(request.blocks or parent / "blocks", data)
        store = preparation.prepare_or_open(dataset, sources.data, sources.blocks, experiment)
        for _, fold in due:
            store.require_apart(fold.split)
            trainer.check_batches(fold, store.select(fold.split.train))
        if request.all_splits:
            return _train_all(request, parent, splits, due, store, sources)
        found = _train_one(request, *due[0], store, sources)
    print(where_things_lie(found))
    return [found]


def _dry_plan(request: Training, parent: Path, due: _Due) -> str:
    """What a training would do, a line for each run."""
    blocks = request.blocks or parent / "blocks"
    lines = [f"would train on {request.data or request.blocks or f'data generated in {parent}'}"]
    if request.blocks is None or request.data is not None:
        lines.append(f"  with samples in {blocks}")
    for folder, fold in due:
        is_new = not (folder / "config.json").is_file()
        lines.append(f"  {folder}: new" if is_new else f"  {what_is_left(runs.load(folder), fold)}")
    return "\n".join(lines)


def _train_all(
    request: Training,
    parent: Path,
    splits: Sequence[config.Split],
    due: _Due,
    store: Store,
    sources: runs.Sources,
) -> list[outcomes.Outcome]:
    """Trains what is left of several folds, and pools their tests."""
    folds.save(parent, splits)
    try:
        now = {folder: _train_one(request, folder, fold, store, sources) for folder, fold in due}
    except Exception:
        folds.forget(parent)
        raise
    fold_runs = folds.finished(parent)
    out = parent / "evaluation" / outcomes.protocol_of(store)
    pooled = pooling.pool(fold_runs, store, out)
    print(f"\n{table.render_text(pooled)}")
    done = [now.get(run.folder) or outcomes.finished(run) for run in fold_runs]
    found = [outcome for outcome in done if outcome is not None]
    print(where_things_lie(found[-1]))
    print(f"all splits   {out}")
    return found


def _train_one(
    request: Training,
    folder: Path,
    experiment: config.Experiment,
    store: Store,
    sources: runs.Sources,
) -> outcomes.Outcome:
    is_new = not (folder / "config.json").is_file()
    if not is_new:
        print(what_is_left(runs.load(folder), experiment))
    run = runs.Run(folder, experiment)
    try:
        run = runs.start(folder, experiment)
        if request.weights is not None:
            run.keep_initial(request.weights)
        found = workflow.train_and_evaluate(run, store, sources, request.quick or request.is_demo)
    except Exception:
        if is_new:
            run.forget_start()
        raise
    print(f"\n{table.render_text(found.after)}")
    if found.before is not None:
        print(f"\n{found.gain()}")
    if found.collapse is not None:
        print(f"\nwarning: {found.collapse}")
    return found


def what_is_left(run: runs.Run, experiment: config.Experiment) -> str:
    """One line: where an earlier call left a run, and what is done now."""
    there, asked = run.experiment.training.total_epochs, experiment.training.total_epochs
    if not runs.is_continued(run, experiment):
        if run.is_trained:
            return f"{run.folder}: trained before; its evaluation is what is left"
        return f"{run.folder}: goes on after epoch {run.epochs_done} of {there}"
    return (
        f"{run.folder}: goes on after epoch {run.epochs_done}, to {asked} epochs instead of "
        f"{there}. The learning rate falls on by its schedule, which counts what was trained on, "
        f"as if {asked} had been asked for at first"
    )


def default_name(experiment: config.Experiment) -> str:
    """Folder of a run that was not given one: no two networks share it."""
    network = experiment.network.name
    return experiment.dataset if network == "ban" else f"{experiment.dataset}_{network}"


def plan(
    parent: Path, experiment: config.Experiment, splits: Sequence[config.Split], several: bool
) -> _Due:
    """Folders and experiments that are still to be trained or evaluated.

    Raises:
        ValueError: nothing is left, or a folder holds something else.
    """
    if not several:
        runs.check(parent, experiment)
        if is_finished(parent, experiment):
            raise ValueError(f"{parent} holds a finished run of {_ways_on(experiment)}")
        return [(parent, experiment)]
    if (parent / "config.json").is_file():
        raise ValueError(
            f"{parent} holds a run of one split. Choose another folder (`run`) for all splits."
        )
    due = []
    for split in splits:
        fold = dataclasses.replace(experiment, split=split)
        folder = folds.folder_of(parent, split)
        runs.check(folder, fold)
        if not is_finished(folder, fold):
            due.append((folder, fold))
    if not due and _is_pooled(parent):
        raise ValueError(
            f"{parent} holds a finished training of all splits, of {_ways_on(experiment)}"
        )
    return due


def is_finished(folder: Path, experiment: config.Experiment) -> bool:
    """Whether a run has been trained for as many epochs as are asked for, and evaluated."""
    if not (folder / "config.json").is_file():
        return False
    run = runs.load(folder)
    return not runs.is_continued(run, experiment) and outcomes.finished(run) is not None


def _is_pooled(parent: Path) -> bool:
    """Whether the finished runs of all splits have been scored together."""
    if not (parent / runs.FOLDS_FILE).is_file():
        return False
    found = folds.finished(parent)
    last = outcomes.finished(found[-1])
    if last is None:
        return False
    with contextlib.suppress(ValueError):  # a damaged result is made anew
        out = parent / "evaluation" / last.after.protocol
        return outcomes.earlier_result(found, out) is not None
    return False


def _ways_on(experiment: config.Experiment) -> str:
    return (
        f"{experiment.training.num_epochs} epochs. Evaluate it, ask for more epochs (`epochs`) to "
        "go on with it, or train anew in another folder (`run`)."
    )


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


def where_things_lie(outcome: outcomes.Outcome) -> str:
    """Where a run keeps what it came to."""
    run = outcome.run
    predictions = run.evaluation_folder(outcome.after.protocol) / "predictions"
    return (
        f"\nnetwork      {run.model_file}\nlog          {run.log_file}\npredictions  {predictions}"
    )
