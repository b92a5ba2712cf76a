"""Which runs an evaluation is of, and where its results go."""

import dataclasses
from pathlib import Path

from ban_tf import config, disk
from ban_tf.data.dataset import Source
from ban_tf.experiments import folds
from ban_tf.experiments.choosing import with_clusterer
from ban_tf.experiments.requests import RUNS, Evaluation
from ban_tf.training import runs


def choose_runs(request: Evaluation, source: Source) -> tuple[list[runs.Run], Path]:
    """The run that is named or those of all folds, and where their results go."""
    folder = run_folder(request)
    if names_file(request) and not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"{request.model} lies in no run folder, whose config.json tells what it was "
            "trained for. Name a file in one (`model`), or check its name."
        )
    found = folds.finished(folder) if request.all_splits else [runs.load(folder)]
    for run in found:
        run.check_side_files()
    found = [_on_test(with_asked_clusterer(run, request), request) for run in found]
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
    folder = run_folder(request)
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


def protocol_of(request: Evaluation) -> config.Protocol:
    return request.protocol or "covering"


def names_file(request: Evaluation) -> bool:
    """Whether one `.keras` file is to be evaluated, not what its run came to."""
    return request.model is not None and request.model.suffix == ".keras"


def run_folder(request: Evaluation) -> Path:
    """The folder that `run` or `model` names, or the newest."""
    named = request.run or request.model
    if named is None:
        return folds.newest(RUNS)
    if named.suffix == ".keras":
        return named.parent.parent if named.parent.name == "checkpoints" else named.parent
    return named


def with_asked_clusterer(run: runs.Run, request: Evaluation) -> runs.Run:
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


def _results_folder(request: Evaluation, folder: Path, run: runs.Run) -> Path:
    """The one that is named; else of its own for other data and unfinished training, in the run."""
    if request.out is not None:
        return request.out
    name: list[str] = [protocol_of(request)]
    if is_other_data(request, run):
        name.append(run.experiment.dataset)
    if request.test is not None and request.test != runs.load(run.folder).experiment.split.test:
        name.append("_".join(request.test))
    if names_file(request) and request.model is not None and request.model != run.model_file:
        name.append(request.model.stem)
    elif run.has_network and not run.is_trained:  # what training ends with has its own place
        name.append(f"epoch_{run.epochs_done:04d}")
    return folder / "evaluation" / "_".join(name)
