"""Starts, loads and compares run folders; what lies in one is told in `run`."""

import dataclasses
import json
import pathlib

from ban_tf import config, disk
from ban_tf.config import files
from ban_tf.training import log_file, provenance
from ban_tf.training.run import FOLDS_FILE as FOLDS_FILE
from ban_tf.training.run import Run as Run
from ban_tf.training.sources import Sources as Sources


def check(folder: pathlib.Path, experiment: config.Experiment) -> None:
    """Refuses a folder in which `start` cannot train, before any work is done.

    Raises:
        ValueError: the folder holds a run of another experiment or of more epochs, the runs of
            several folds, or a model of unknown origin; or what training would go on from is
            missing, or its log damaged.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import runs
        >>> runs.check(pathlib.Path("runs/no_such"), experiment=None)  # there is nothing to refuse
    """
    run = Run(folder, experiment)
    if not (folder / "config.json").is_file():
        if run.is_trained:
            raise ValueError(
                f"{folder} holds a model without config.json. Choose another folder (`run`)."
            )
        if (folder / FOLDS_FILE).is_file():
            raise ValueError(
                f"{folder} holds the runs of several folds. Choose another folder (`run`)."
            )
        return
    earlier = load(folder)
    earlier.check_side_files()
    if not is_continued(earlier, experiment):
        require_same(earlier, experiment)
    elif earlier.is_trained and not earlier.checkpoints():
        raise ValueError(
            f"{folder} has no checkpoint from which its training could go on to "
            f"{experiment.training.num_epochs} epochs. Train in another folder (`run`), from its "
            "network (`weights`)."
        )
    if not earlier.is_trained or is_continued(earlier, experiment):
        log_file.read(earlier.log_file, epochs_done=earlier.epochs_done)


def is_continued(run: Run, experiment: config.Experiment) -> bool:
    """Whether an experiment is that of the run, of more epochs.

    Raises:
        ValueError: it is that of the run, of fewer epochs than its trained network has seen.

    Example:
        >>> import dataclasses
        >>> import pathlib
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> from ban_tf.training import runs
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> longer = dataclasses.replace(experiment.training, num_epochs=200)
        >>> run = runs.Run(pathlib.Path("runs/no_such"), experiment)
        >>> runs.is_continued(run, dataclasses.replace(experiment, training=longer))
        True
    """
    there, asked = run.experiment.training.num_epochs, experiment.training.num_epochs
    training = dataclasses.replace(run.experiment.training, num_epochs=asked)
    as_asked = dataclasses.replace(run.experiment, training=training)
    if files.differences(as_asked, experiment) or asked == there:
        return False
    if asked < there and run.is_trained:
        raise ValueError(
            f"{run.folder} holds a finished run of {there} epochs, which cannot be shortened. "
            "Evaluate it, ask for more epochs (`epochs`) to go on with it, or train anew in "
            f"another folder (`run`). Received: epochs={asked}"
        )
    return asked > there


def require_same(run: Run, experiment: config.Experiment) -> None:
    """Raises ValueError, naming every difference, if `run` is of another experiment.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> import pathlib
        >>> from ban_tf.training import runs
        >>> runs.require_same(runs.Run(pathlib.Path("runs/no_such"), experiment), experiment)
    """
    difference = files.differences(run.experiment, experiment)
    if difference:
        raise ValueError(
            f"{run.folder} holds a run of another experiment ({difference}). "
            "Ask for the same settings (the reduced ones are `quick`), or choose another folder "
            "(`run`)."
        )


def start(folder: pathlib.Path, experiment: config.Experiment) -> Run:
    """A new run in `folder`, or the one of the same experiment that lies there.

    A run of fewer epochs becomes one of as many as are asked for. The learning rate and the
    batch-norm momentum fall by what has been trained on, not by what is left, so it ends as if as
    many had been asked for at first.

    Raises:
        ValueError: as `check`.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training import runs
        >>> run = runs.start(pathlib.Path(tempfile.mkdtemp()), experiment)
        >>> run.is_trained, sorted(path.name for path in run.folder.glob("*.json"))
        (False, ['config.json', 'provenance.json'])
    """
    check(folder, experiment)
    config_file = folder / "config.json"
    if not config_file.is_file():
        disk.write_whole(
            folder / "provenance.json", json.dumps(provenance.collect(), indent=2) + "\n"
        )
        disk.write_whole(config_file, config.to_json(experiment))
    elif is_continued(load(folder), experiment):
        earlier = load(folder)
        if earlier.is_trained:
            earlier.keep_trained()  # first: a stop between the two leaves a run to be continued
        disk.write_whole(config_file, config.to_json(experiment))
    return Run(folder, experiment)


def load(folder: pathlib.Path) -> Run:
    """The run in `folder`, whatever its state.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: its config.json is damaged or of another version, or the folder holds the runs
            of several folds.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import runs
        >>> runs.load(pathlib.Path("runs/no_such"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: runs/no_such is not a run folder: it has no config.json. ...
    """
    config_file = folder / "config.json"
    if not config_file.is_file():
        if (folder / FOLDS_FILE).is_file():
            raise ValueError(
                f"{folder} holds the runs of several folds: name one of them, or evaluate them "
                f"together. Received: run={folder}"
            )
        raise FileNotFoundError(
            f"{folder} is not a run folder: it has no config.json. Train a network there first, or "
            "name another folder (`run`)."
        )
    try:
        return Run(folder, config.from_json(config_file.read_text(encoding="utf-8")))
    except files.UNREADABLE as error:
        raise ValueError(f"{config_file} is damaged or of another version: {error}") from error
