"""Evaluates what was trained, here or elsewhere, and gives the paper's tables."""

import dataclasses
from pathlib import Path

from ban_tf import disk, systems
from ban_tf.data import preparation
from ban_tf.data.dataset import Source
from ban_tf.data.store import Store
from ban_tf.experiments import (
    checks,
    chosen_runs,
    folds,
    outcomes,
    reports,
    results,
    scoring,
    workflow,
)
from ban_tf.experiments.choosing import with_clusterer
from ban_tf.experiments.doctor import estimation
from ban_tf.experiments.requests import RUNS, Evaluation
from ban_tf.metrics import comparison, comparison_files, evaluators, table
from ban_tf.training import checkpoints, runs, tf1_checkpoint


def evaluate(request: Evaluation, source: Source) -> None:
    """Does what an evaluation script is asked for, and prints what comes out.

    Args:
        request: what to evaluate, and how.
        source: tells the data set.

    Raises:
        FileNotFoundError: no run, no network, or no data where the request says.
        ValueError: what was found does not fit together; the message says how.
    """
    checks.check(request)
    if request.estimate:
        print(_estimate(request))
        return
    if request.compare is not None:
        _compare(request, source)
        return
    if request.report:
        print(f"wrote {reports.rewrite(chosen_runs.choose_runs(request, source)[1])}")
        return
    if request.dry_run:
        _tell_plan(*chosen_runs.choose_runs(request, source), request)
        return
    if request.predictions is not None:
        found = scoring.score_predictions(request.predictions, source, request.protocol or "legacy")
    elif request.tf1_checkpoint is not None:
        found = _evaluate_original(request, source)
    else:
        found = evaluate_trained(request, source)
    print(f"\n{table.render_text(found)}")
    if request.json is not None:
        disk.write_whole(request.json, table.to_json(found))
        print(f"\nwrote {request.json}")


def evaluate_trained(request: Evaluation, source: Source) -> evaluators.Evaluation:
    """Evaluates one run or several folds, from the checkpoints alone."""
    found, out = chosen_runs.choose_runs(request, source)
    chosen_runs.require_writable(out)
    model = _tell_plan(found, out, request)
    stores = [_store_of(request, source, run) for run in found]
    evaluation = workflow.evaluate_runs(found, stores, chosen_runs.protocol_of(request), out, model)
    print(f"wrote {out}")
    return evaluation


def _tell_plan(found: list[runs.Run], out: Path, request: Evaluation) -> Path | None:
    """Says which networks are evaluated on what; gives the file, if one is named."""
    model = request.model if chosen_runs.names_file(request) else None
    verb = "would evaluate" if request.dry_run else "evaluating"
    for run in found:
        where = request.data or request.blocks or run.experiment.dataset
        print(
            f"{verb} {model or checkpoints.newest_model(run)} on {run.experiment.split.title} "
            f"of {where}"
        )
    if request.dry_run:
        print(f"would write {out}" + (f" and {request.json}" if request.json else ""))
    return model


def _store_of(request: Evaluation, source: Source, run: runs.Run) -> Store:
    """Prepared samples of what a run is tested on."""
    experiment = run.experiment
    if not chosen_runs.is_other_data(request, run):
        dataset = source.find(None, run.sources().blocks)
        return preparation.open_store(dataset, run.sources().blocks, experiment)
    dataset = source.find(request.data, request.blocks)
    beside = request.out or run.folder / "evaluation"
    blocks = request.blocks or beside / f"blocks_{experiment.dataset}"
    names = experiment.split.test
    return preparation.prepare_or_open(dataset, request.data, blocks, experiment, names)


def _compare(request: Evaluation, source: Source) -> None:
    """Prints several runs under the paper's rows; evaluates those that were not.

    Runs that differ in the seed alone make one row: their mean, and how far they spread.
    """
    made: list[results.Result] = []
    evaluated: list[runs.Run] = []  # the first of each row
    # All are found before one is evaluated: a name that is none costs no work.
    named = request.compare or ()
    folders = [folds.newest_of(RUNS, n) if n in systems.SYSTEMS else Path(n) for n in named]
    for folder in folders:
        _require_run(folder)
    for folder in folders:
        # Of the named folder each run takes one, called after where it lies.
        out = request.out and request.out / "_".join(folder.resolve().parts[-2:])
        own = dataclasses.replace(request, run=folder, compare=None, out=out)
        found, out = chosen_runs.choose_runs(own, source)
        evaluated.append(found[0])
        # Where data are named they may be others than before.
        result = None if request.names_data else outcomes.earlier_result(found, out)
        if result is None:
            evaluate_trained(own, source)
            result = results.read(out)
        made.append(result)
    lengths = [length_of(run) for run in evaluated]
    are_alike = len(set(lengths)) == 1 and all(run.is_trained for run in evaluated)
    rows = []
    for first, *others in results.by_setting(made):
        further = [made[index].scores for index in others]
        rows.append(made[first].row(() if are_alike else (lengths[first],), further))
    _show(rows, request)


def _require_run(folder: Path) -> None:
    if not (folder / runs.FOLDS_FILE).is_file():
        runs.load(folder)


def _show(rows: list[comparison.SystemScores], request: Evaluation) -> None:
    """Prints the tables, and writes them where the request names files."""
    shown = comparison_files.tables(rows)
    print("\n" + "\n\n".join(one.text() for one in shown))
    made = {}
    if request.json is not None:
        made[request.json] = comparison_files.to_json(rows)
    if request.out is not None:
        made[request.out / "comparison.json"] = comparison_files.to_json(rows)
        made[request.out / "comparison.md"] = comparison_files.render_markdown(rows)
        made[request.out / "comparison.csv"] = comparison_files.render_csv(rows)
    for path, text in made.items():
        disk.write_whole(path, text)
        print(f"\nwrote {path}")


def length_of(run: runs.Run) -> str:
    """How long the network that stands for a run was trained, as a sentence."""
    training = run.experiment.training
    samples = "all" if training.blocks_per_epoch is None else training.blocks_per_epoch
    share = "" if run.is_trained else f" of {training.total_epochs}"
    return (
        f"Trained for {run.epochs_done}{share} epochs of {samples} samples at batch "
        f"{training.batch_size}."
    )


def _evaluate_original(request: Evaluation, source: Source) -> evaluators.Evaluation:
    """Evaluates a checkpoint of the authors' code, without data on generated ones."""
    if request.tf1_checkpoint is None or request.network is None:
        raise ValueError(
            "`tf1_checkpoint` and `network` go together. Received: "
            f"tf1_checkpoint={request.tf1_checkpoint}, network={request.network!r}"
        )
    dataset = source.find(request.data, request.blocks)
    experiment = dataset.experiment(request.split, request.network)
    inference = with_clusterer(experiment.inference, request.clusterer)
    experiment = dataclasses.replace(experiment, inference=inference)
    model = tf1_checkpoint.load_network(request.tf1_checkpoint, request.network)
    folder = RUNS / f"{experiment.dataset}_{request.network}_tf1"
    out = request.out or folder / "evaluation" / chosen_runs.protocol_of(request)
    chosen_runs.require_writable(out)
    data = request.data
    if not request.names_data:
        print("no data are named: generated ones, which no checkpoint was trained for")
        data = preparation.generate(dataset, folder / "building", experiment.seed)
    blocks = request.blocks or folder / "blocks"
    store = preparation.prepare_or_open(dataset, data, blocks, experiment)
    protocol = chosen_runs.protocol_of(request)
    file = tf1_checkpoint.index_file(request.tf1_checkpoint)
    evaluation = workflow.evaluate_imported(model, file, experiment, store, protocol, out)
    print(f"wrote {out}")
    return evaluation


def _estimate(request: Evaluation) -> estimation.Estimate:
    """Settings estimated from a run's training data and its network."""
    run = chosen_runs.with_asked_clusterer(runs.load(chosen_runs.run_folder(request)), request)
    store = Store.open(request.blocks or run.sources().blocks)
    return estimation.estimate(run.experiment, store, model=checkpoints.load_model(run.folder))
