"""The whole way of one run: train in its folder, evaluate before and after, write it down."""

import pathlib
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ban_tf import config, disk, systems
from ban_tf.data.store import Store
from ban_tf.experiments import evaluation, outcomes, results
from ban_tf.experiments.doctor import estimation
from ban_tf.experiments.outcomes import Outcome as Outcome
from ban_tf.instances import clustering
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.systems import collapse
from ban_tf.training import checkpoints, instance_sizes, provenance, runs, trainer


def train_and_evaluate(
    run: runs.Run, store: Store, sources: runs.Sources, compare_untrained: bool
) -> Outcome:
    """Trains, and evaluates on the clouds that were held out.

    Evaluations use the covering protocol where the store has the raw points, else the legacy
    one. Each stage that an earlier, interrupted call has finished is not done again.

    Args:
        run: from `runs.start`.
        store: prepared samples of both sides of the split.
        sources: where they came from; kept in the run folder.
        compare_untrained: evaluate what training starts from first, which doubles the evaluation.

    Raises:
        disk.FolderInUseError: another process trains in the run folder.
    """
    with disk.one_writer(run.folder):
        sizes = _note_data(run, store, sources)
        trainer.make_deterministic(run.experiment.seed)
        before = _evaluate_start(run, store, sizes) if compare_untrained else None
        model = _train(run, store)
        out, begin = run.evaluation_folder(outcomes.protocol_of(store)), time.monotonic()
        after = _evaluate_quietly(run, store, sizes, model, out)
        seconds = time.monotonic() - begin
        digests = [results.digest(run.model_file)]
        record(after, seconds, out, run.experiment, digests, [run])
        return Outcome(run, before, after, find_collapse(model, store, run.experiment))


def _evaluate_quietly(
    run: runs.Run,
    store: Store,
    sizes: instance_sizes.InstanceSizes,
    model: keras.Model,
    out: pathlib.Path | None,
) -> Evaluation:
    held_out = store.select(run.experiment.split.test)
    fold = evaluation.Fold(run.experiment, lambda: model, held_out, sizes)
    with warnings.catch_warnings():
        # An untrained embedding always looks collapsed; the trained one is checked apart.
        warnings.simplefilter("ignore", collapse.CollapseWarning)
        return evaluation.evaluate([fold], outcomes.protocol_of(store), out)


def _evaluate_start(
    run: runs.Run, store: Store, sizes: instance_sizes.InstanceSizes
) -> dict[str, Any] | None:
    """The scores of what training starts from, evaluated once; nobody needs its predictions."""
    if outcomes.scores_of_start(run) is None:
        start = trainer.starting_network(run)
        found = _evaluate_quietly(run, store, sizes, start, None)
        evaluation.write(found, run.evaluation_folder(outcomes.UNTRAINED))
    return outcomes.scores_of_start(run)


def train_only(run: runs.Run, store: Store, sources: runs.Sources) -> None:
    """Trains; `evaluate_runs` can follow at any time. Arguments as `train_and_evaluate`."""
    with disk.one_writer(run.folder):
        _note_data(run, store, sources)
        trainer.make_deterministic(run.experiment.seed)
        _train(run, store)


def _note_data(run: runs.Run, store: Store, sources: runs.Sources) -> instance_sizes.InstanceSizes:
    store.require_apart(run.experiment.split)
    run.save_sources(sources)
    sizes = instance_sizes.measure(run.experiment, store)
    instance_sizes.save(run.folder, sizes)
    return sizes


def _train(run: runs.Run, store: Store) -> keras.Model:
    """The trained network: what is left of its training is done now."""
    disk.clear_leftovers(run.folder / "checkpoints")
    if run.is_trained:
        return checkpoints.load_of_run(run)
    return trainer.train(run, store.select(run.experiment.split.train))


def find_collapse(
    model: keras.Model, store: Store, experiment: config.Experiment
) -> collapse.Collapse | None:
    """Looks whether training samples of several instances come out as one cluster.

    None too where the network embeds nothing.
    """
    if not systems.of(experiment.network.name).embeds:
        return None
    training_samples = store.select(experiment.split.train)
    inference = experiment.inference
    embedding, instance = estimation.embed_sample(model, training_samples, inference.batch_size)
    labels = clustering.cluster_blocks(embedding, inference)
    return collapse.detect_collapse(embedding, labels, inference.bandwidth, semantic=instance)


def fold_of(run: runs.Run, store: Store, model: pathlib.Path | None = None) -> evaluation.Fold:
    """The trained network of a run and its held-out clouds, for evaluation from the checkpoint.

    Args:
        run: where the network was trained.
        store: prepared samples of what the run is tested on.
        model: one of the run's `.keras` files; None takes the finished one, else the newest.
    """
    return evaluation.Fold(
        run.experiment,
        lambda: checkpoints.load_of_run(run, model),
        store.select(run.experiment.split.test),
        instance_sizes.load(run.folder),
    )


def evaluate_runs(
    fold_runs: Sequence[runs.Run],
    stores: Sequence[Store],
    protocol: config.Protocol,
    out: pathlib.Path,
    model: pathlib.Path | None = None,
) -> Evaluation:
    """Evaluates one run, or pools those of several folds, from their checkpoints.

    Args:
        fold_runs: the runs.
        stores: for each run, prepared samples of what it is tested on.
        protocol: `covering` or `legacy`.
        out: folder of the results.
        model: of one run only, as for `fold_of`.
    """

    # Chosen once: a training that goes on meanwhile has other checkpoints afterwards.
    networks = [model or checkpoints.newest_model(run) for run in fold_runs]
    digests = [results.digest(file) for file in networks]

    def folds() -> Iterator[evaluation.Fold]:
        for run, store, file in zip(fold_runs, stores, networks, strict=True):
            trainer.make_deterministic(run.experiment.seed)
            yield fold_of(run, store, file)

    begin = time.monotonic()
    found = evaluation.evaluate(folds(), protocol, out)
    seconds = time.monotonic() - begin
    record(found, seconds, out, fold_runs[0].experiment, digests, fold_runs)
    return found


def record(
    found: Evaluation,
    seconds: float,
    out: pathlib.Path,
    experiment: config.Experiment,
    digests: Sequence[str],
    fold_runs: Sequence[runs.Run] = (),
) -> None:
    """Writes down what an evaluation gave and where it comes from."""
    trained = [run.training_seconds() for run in fold_runs]
    known = bool(trained) and None not in trained
    results.write(
        out,
        results.Result(
            experiment=experiment,
            scores=found,
            models=tuple(digests),
            training=tuple(run.provenance() for run in fold_runs),
            training_seconds=sum(filter(None, trained)) if known else None,
            evaluation_seconds=seconds,
            evaluated_with=provenance.collect(),
        ),
    )


def evaluate_imported(
    model: keras.Model,
    file: pathlib.Path,
    experiment: config.Experiment,
    store: Store,
    protocol: config.Protocol,
    out: pathlib.Path,
) -> Evaluation:
    """Evaluates a network that was trained elsewhere, on what the experiment tests.

    Args:
        model: the network.
        file: what it was read from.
        experiment: names network, data and thresholds.
        store: prepared samples of the test. Where it has those of the training too, instances
            that are small for their class are dropped, as after a training here.
        protocol: `covering` or `legacy`.
        out: folder of the results.
    """
    trainer.make_deterministic(experiment.seed)
    unknown = np.full(experiment.labels.num_classes, np.nan)
    sizes = instance_sizes.InstanceSizes(unknown, None)
    if store.holds(experiment.split.train):
        sizes = instance_sizes.measure(experiment, store)
    held_out = store.select(experiment.split.test)
    begin = time.monotonic()
    found = evaluation.evaluate(
        [evaluation.Fold(experiment, lambda: model, held_out, sizes)], protocol, out
    )
    record(found, time.monotonic() - begin, out, experiment, [results.digest(file)])
    return found
