"""Evaluates what was trained, here or elsewhere, and gives the paper's tables."""

import dataclasses
from pathlib import Path

from ban_tf import config, disk, systems
from ban_tf.data import preparation
from ban_tf.data.dataset import Source
from ban_tf.data.store import Store
from ban_tf.experiments import checks, folds, outcomes, reports, results, scoring, workflow
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
        print(f"wrote {reports.rewrite(choose_runs(request, source)[1])}")
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
    model = request.model if _names_file(request) else None
    found, out = choose_runs(request, source)
    require_writable(out)
    for run in found:
        where = request.data or request.blocks or run.experiment.dataset
        print(
            f"evaluating {model or checkpoints.newest_model(run)} on "
            f"{run.experiment.split.title} of {where}"
        )
    stores = [_store_of(request, source, run) for run in found]
    evaluation = workflow.evaluate_runs(found, stores, _protocol(request), out, model)
    print(f"wrote {out}")
    return evaluation


def choose_runs(request: Evaluation, source: Source) -> tuple[list[runs.Run], Path]:
    """The run that is named or those of all folds, and where their results go."""
    folder = _run_folder(request)
    if _names_file(request) and not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"{request.model} lies in no run folder, whose config.json tells what it was "
            "trained for. Name a file in one (`model`), or check its name."
        )
    found = folds.finished(folder) if request.all_splits else [runs.load(folder)]
    for run in found:
        run.check_side_files()
    found = [_on_test(_with_clusterer(run, request), request) for run in found]
    found = [_on_data(run, request, source) for run in found]
    return found, _results_folder(request, folder, found[0])


def trained_on(request: Evaluation) -> str | None:
    """The name of the data that the run to be evaluated was trained on; None where there is none.

    Raises:
        FileNotFoundError: no run is named, and none is found.
    """
    others = (request.compare, request.predictions, request.tf1_checkpoint)
    if any(value is not None for value in others):
        return None
    folder = _run_folder(request)
    found = folds.finished(folder)[0] if request.all_splits else runs.load(folder)
    return found.experiment.dataset


def require_writable(out: Path) -> None:
    """Refuses a folder of results that cannot be written, before any work.

    Raises:
        ValueError: such as that of a run of another user, or on a read-only disk.
    """
    if not disk.is_writable(out):
        raise ValueError(
            f"{out} cannot be written: name a folder for the results (`out`), the run is only read."
        )


def _protocol(request: Evaluation) -> config.Protocol:
    return request.protocol or "covering"


def _names_file(request: Evaluation) -> bool:
    """Whether one `.keras` file is to be evaluated, not what its run came to."""
    return request.model is not None and request.model.suffix == ".keras"


def _run_folder(request: Evaluation) -> Path:
    """The folder that `run` or `model` names, or the newest."""
    named = request.run or request.model
    if named is None:
        return folds.newest(RUNS)
    if named.suffix == ".keras":
        return named.parent.parent if named.parent.name == "checkpoints" else named.parent
    return named


def _with_clusterer(run: runs.Run, request: Evaluation) -> runs.Run:
    """The run with the clusterer that is asked for; the network does not depend on it."""
    inference = with_clusterer(run.experiment.inference, request.clusterer)
    experiment = dataclasses.replace(run.experiment, inference=inference)
    return dataclasses.replace(run, experiment=experiment)


def _on_test(run: runs.Run, request: Evaluation) -> runs.Run:
    """The run with other clouds to test, if any are asked for.

    Raises:
        ValueError: it was trained on some of them.
    """
    if request.test is None:
        return run
    seen = sorted(set(request.test) & set(run.experiment.split.train))
    if seen:
        raise ValueError(
            f"{run.folder} was trained on {', '.join(seen)}: a test of it says nothing. "
            f"Received: test={request.test}"
        )
    split = dataclasses.replace(run.experiment.split, test=request.test)
    return dataclasses.replace(run, experiment=dataclasses.replace(run.experiment, split=split))


def is_other_data(request: Evaluation, run: runs.Run) -> bool:
    """Whether the request names anything but what the run was trained on."""
    if not run.sources_file.is_file():
        return request.names_data
    own = run.sources()
    named = ((request.data, own.data), (request.blocks, own.blocks))
    return any(
        path is not None and (mine is None or path.resolve() != mine.resolve())
        for path, mine in named
    )


def _on_data(run: runs.Run, request: Evaluation, source: Source) -> runs.Run:
    """The run with the name of the data that it is to be evaluated on."""
    if not is_other_data(request, run):
        return run
    found = source.describe(request.data, request.blocks)
    own, others = run.experiment.labels.class_names, found.labels.class_names
    if own != others:
        raise ValueError(
            f"{run.folder} was trained on the classes {', '.join(own)}, but those of "
            f"{request.data or request.blocks} are {', '.join(others)}. Evaluate it on data of its "
            "own classes; where they are names of the raw data, prepare these first "
            "(`classes_from_data`) and name the store (`blocks`)."
        )
    experiment = dataclasses.replace(run.experiment, dataset=found.name)
    return dataclasses.replace(run, experiment=experiment)


def _store_of(request: Evaluation, source: Source, run: runs.Run) -> Store:
    """Prepared samples of what a run is tested on."""
    experiment = run.experiment
    if not is_other_data(request, run):
        dataset = source.find(None, run.sources().blocks)
        return preparation.open_store(dataset, run.sources().blocks, experiment)
    dataset = source.find(request.data, request.blocks)
    beside = request.out or run.folder / "evaluation"
    blocks = request.blocks or beside / f"blocks_{experiment.dataset}"
    names = experiment.split.test
    return preparation.prepare_or_open(dataset, request.data, blocks, experiment, names)


def _results_folder(request: Evaluation, folder: Path, run: runs.Run) -> Path:
    """The one that is named; else of its own for other data and unfinished training, in the run."""
    if request.out is not None:
        return request.out
    name: list[str] = [_protocol(request)]
    if is_other_data(request, run):
        name.append(run.experiment.dataset)
    if request.test is not None and request.test != runs.load(run.folder).experiment.split.test:
        name.append("_".join(request.test))
    if _names_file(request) and request.model is not None and request.model != run.model_file:
        name.append(request.model.stem)
    elif run.has_network and not run.is_trained:  # what training ends with has its own place
        name.append(f"epoch_{run.epochs_done:04d}")
    return folder / "evaluation" / "_".join(name)


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
        found, out = choose_runs(own, source)
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
    out = request.out or folder / "evaluation" / _protocol(request)
    require_writable(out)
    data = request.data
    if not request.names_data:
        print("no data are named: generated ones, which no checkpoint was trained for")
        data = preparation.generate(dataset, folder / "building", experiment.seed)
    blocks = request.blocks or folder / "blocks"
    store = preparation.prepare_or_open(dataset, data, blocks, experiment)
    protocol = _protocol(request)
    file = tf1_checkpoint.index_file(request.tf1_checkpoint)
    evaluation = workflow.evaluate_imported(model, file, experiment, store, protocol, out)
    print(f"wrote {out}")
    return evaluation


def _estimate(request: Evaluation) -> estimation.Estimate:
    """Settings estimated from a run's training data and its network."""
    run = _with_clusterer(runs.load(_run_folder(request)), request)
    store = Store.open(request.blocks or run.sources().blocks)
    return estimation.estimate(run.experiment, store, model=checkpoints.load_model(run.folder))
