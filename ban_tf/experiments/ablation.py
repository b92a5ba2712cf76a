"""Trains and evaluates the variants of the paper's Table 7, each with several seeds."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence

import keras

from ban_tf import config
from ban_tf.data.store import Store
from ban_tf.experiments import results, workflow
from ban_tf.training import runs


@dataclasses.dataclass(frozen=True)
class Trial:
    """One variant with one seed, in a run folder of its own."""

    variant: str
    folder: pathlib.Path
    experiment: config.Experiment


def plan(
    parent: pathlib.Path, experiment: config.Experiment, variants: Sequence[str], num_seeds: int
) -> list[Trial]:
    """The trials of an ablation, seed by seed, so that whole tables come as early as they can.

    Args:
        parent: folder of the run folders.
        experiment: of BAN; the first seed is its seed.
        variants: names of `config.VARIANTS`.
        num_seeds: at least 1.

    Raises:
        ValueError: an unknown variant, no seed, or a folder that holds something else.
    """
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
            trials.append(Trial(variant, folder, changed))
    return trials


def is_done(trial: Trial, protocol: config.Protocol) -> bool:
    """Whether an earlier call has trained and evaluated the trial."""
    run = runs.Run(trial.folder, trial.experiment)
    return run.is_trained and (run.evaluation_folder(protocol) / results.NAME).is_file()


def carry_out(
    trial: Trial, store: Store, sources: runs.Sources, protocol: config.Protocol
) -> results.Result:
    """Does what is left of a trial: its training from the last checkpoint on, its evaluation.

    Args:
        trial: of `plan`.
        store: prepared samples of both sides of the split, the same for all trials.
        sources: where they came from.
        protocol: of the evaluation.
    """
    run = runs.Run(trial.folder, trial.experiment)
    out = run.evaluation_folder(protocol)
    if not is_done(trial, protocol):
        if not run.is_trained:
            workflow.train_only(runs.start(trial.folder, trial.experiment), store, sources)
        workflow.evaluate_runs([run], [store], protocol, out)
        keras.backend.clear_session()
    return results.read(out)
