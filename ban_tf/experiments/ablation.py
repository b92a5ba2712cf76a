"""Trains and evaluates the variants of the paper's Table 7, each with several seeds."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence

import keras

from ban_tf import config
from ban_tf.config import files
from ban_tf.data.store import Store
from ban_tf.experiments import results, workflow
from ban_tf.training import runs


@dataclasses.dataclass(frozen=True)
class Trial:
    """One variant with one seed, in a run folder of its own.

    Attributes:
        variant: a name of `config.VARIANTS`.
        folder: of its run.
        experiment: what is trained.
        elsewhere: folder of its `result.json`, if it was carried out on another machine.
    """

    variant: str
    folder: pathlib.Path
    experiment: config.Experiment
    elsewhere: pathlib.Path | None = None


def plan(
    parent: pathlib.Path,
    experiment: config.Experiment,
    variants: Sequence[str],
    num_seeds: int,
    done: pathlib.Path | None = None,
    protocol: config.Protocol = "covering",
) -> list[Trial]:
    """The trials of an ablation, seed by seed, so that whole tables come as early as they can.

    Args:
        parent: folder of the run folders.
        experiment: of BAN; the first seed is its seed.
        variants: names of `config.VARIANTS`.
        num_seeds: at least 1.
        done: folder of what was carried out elsewhere, `<trial>/result.json`, such as
            `none_seed0/result.json`; None if nothing was.
        protocol: that of the results in `done`.

    Raises:
        FileNotFoundError: `done` is no folder.
        ValueError: an unknown variant, no seed, a folder that holds something else, or a result of
            another experiment.
    """
    if done is not None and not done.is_dir():
        raise FileNotFoundError(f"There is no folder {done}. Check its name (`done`).")
    unknown = sorted(set(variants) - set(config.VARIANTS))
    if unknown or num_seeds < 1:
        raise ValueError(
            f"`variants` must be of {list(config.VARIANTS)} and `num_seeds` at least 1. "
            f"Received: variants={list(variants)}, num_seeds={num_seeds}"
        )
    trials = []
    for seed in range(experiment.seed, experiment.seed + num_seeds):
        for variant in variants:
            folder = parent / f"{re.sub(r'[^a-z]+', '_', variant.lower())}_seed{seed}"
            network = dataclasses.replace(experiment.network, ban=config.VARIANTS[variant])
            changed = dataclasses.replace(experiment, network=network, seed=seed)
            if (folder / "config.json").is_file():
                runs.require_same(runs.load(folder), changed)
            elsewhere = None if done is None else _elsewhere(done / folder.name, changed, protocol)
            trials.append(Trial(variant, folder, changed, elsewhere))
    return trials


def _elsewhere(
    folder: pathlib.Path, experiment: config.Experiment, protocol: config.Protocol
) -> pathlib.Path | None:
    """The folder of a trial's result that was made on another machine, if there is one."""
    if not (folder / results.NAME).is_file():
        return None
    found = results.read(folder)
    differences = files.differences(found.experiment, experiment)
    if found.scores.protocol != protocol:
        differences = f"{found.scores.protocol} protocol there, {protocol} asked for"
    if differences:
        raise ValueError(
            f"{folder / results.NAME} is of another experiment ({differences}). Give the settings "
            "that it was made with, or move it away."
        )
    return folder


def is_done(trial: Trial, protocol: config.Protocol) -> bool:
    """Whether an earlier call has trained and evaluated the trial, or another machine."""
    if trial.elsewhere is not None:
        return True
    run = runs.Run(trial.folder, trial.experiment)
    return run.is_trained and (run.evaluation_folder(protocol) / results.NAME).is_file()


def result(trial: Trial, protocol: config.Protocol) -> results.Result:
    """What a trial that is done came to.

    Raises:
        FileNotFoundError: it is not done.
        ValueError: its file is damaged or of another version.
    """
    run = runs.Run(trial.folder, trial.experiment)
    return results.read(trial.elsewhere or run.evaluation_folder(protocol))


def carry_out(trial: Trial, store: Store, sources: runs.Sources, protocol: config.Protocol) -> None:
    """Does what is left of a trial: its training from the last checkpoint on, its evaluation.

    Nothing is done twice.

    Args:
        trial: of `plan`.
        store: prepared samples of both sides of the split, the same for all trials.
        sources: where they came from.
        protocol: of the evaluation.
    """
    if is_done(trial, protocol):
        return
    run = runs.Run(trial.folder, trial.experiment)
    if not run.is_trained:
        workflow.train_only(runs.start(trial.folder, trial.experiment), store, sources)
    workflow.evaluate_runs([run], [store], protocol, run.evaluation_folder(protocol))
    keras.backend.clear_session()
