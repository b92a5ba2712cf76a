"""The whole way of one run: train in its folder, evaluate before and after, write it down."""

import dataclasses
import pathlib
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ban_tf import config, systems
from ban_tf.config import files
from ban_tf.data.store import Store
from ban_tf.experiments import evaluation, results
from ban_tf.experiments.doctor import estimation
from ban_tf.instances import clustering
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.systems import collapse
from ban_tf.training import checkpoints, instance_sizes, provenance, runs, trainer

UNTRAINED = "untrained"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a fold came to.

    Args:
        run: the finished run.
        before: the seven scores of the untrained network, as fractions; None if not asked for.
        after: the evaluation of the trained one.
        collapse: the finding that its embedding collapsed, if it did.
    """

    run: runs.Run
    before: dict[str, Any] | None
    after: Evaluation
    collapse: collapse.Collapse | None

    def gain(self) -> str | None:
        """One line: mIoU and mCov before and after training; None without a before."""
        if self.before is None:
            return None
        means = self.after.means()
        parts = [
            f"{name} {100 * (self.before[name] or 0):.1f} → {100 * means[name]:.1f}"
            for name in ("mIoU", "mCov")
        ]
        start = "before" if self.run.initial_file.is_file() else "untrained"
        return f"{start} → trained: {', '.join(parts)}"


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
    """
    sizes = _note_data(run, store, sources)
    held_out = store.select(run.experiment.split.test)
    protocol: config.Protocol = "covering" if store.settings is not None else "legacy"
    trainer.make_deterministic(run.experiment.seed)

    def evaluate(model: keras.Model, out: pathlib.Path | None) -> Evaluation:
        fold = evaluation.Fold(run.experiment, lambda: model, held_out, sizes)
        with warnings.catch_warnings():
            # An untrained embedding always looks collapsed; the trained one is checked below.
            warnings.simplefilter("ignore", collapse.CollapseWarning)
            return evaluation.evaluate([fold], protocol, out)

    before = None
    if compare_untrained:
        untrained = run.evaluation_folder(UNTRAINED)
        if not (untrained / "scores.json").is_file():  # nobody needs its predictions
            evaluation.write(evaluate(trainer.starting_network(run), None), untrained)
        before = results.read_scores(untrained / "scores.json")
    model = _train(run, store)
    out, begin = run.evaluation_folder(protocol), time.monotonic()
    after = evaluate(model, out)
    seconds = time.monotonic() - begin
    _record(after, seconds, out, run.experiment, [run.model_file], [run])
    return Outcome(run, before, after, find_collapse(model, store, run.experiment))


def train_only(run: runs.Run, store: Store, sources: runs.Sources) -> None:
    """Trains; `evaluate_runs` can follow at any time. Arguments as `train_and_evaluate`."""
    _note_data(run, store, sources)
    trainer.make_deterministic(run.experiment.seed)
    _train(run, store)


def _note_data(run: runs.Run, store: Store, sources: runs.Sources) -> instance_sizes.InstanceSizes:
    run.save_sources(sources)
    sizes = instance_sizes.measure(run.experiment, store)
    instance_sizes.save(run.folder, sizes)
    return sizes


def _train(run: runs.Run, store: Store) -> keras.Model:
    with run.training_time():
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
        lambda: checkpoints.load_model(model or run.folder),
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

    def folds() -> Iterator[evaluation.Fold]:
        for run, store in zip(fold_runs, stores, strict=True):
            trainer.make_deterministic(run.experiment.seed)
            yield fold_of(run, store, model)

    begin = time.monotonic()
    found = evaluation.evaluate(folds(), protocol, out)
    seconds = time.monotonic() - begin
    files = [model or checkpoints.newest_model(run) for run in fold_runs]
    _record(found, seconds, out, fold_runs[0].experiment, files, fold_runs)
    return found


def _record(
    found: Evaluation,
    seconds: float,
    out: pathlib.Path,
    experiment: config.Experiment,
    models: Sequence[pathlib.Path],
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
            models=tuple(results.digest(path) for path in models),
            training=tuple(run.provenance() for run in fold_runs),
            training_seconds=sum(filter(None, trained)) if known else None,
            evaluation_seconds=seconds,
            evaluated_with=provenance.collect(),
        ),
    )


def earlier_result(fold_runs: Sequence[runs.Run], out: pathlib.Path) -> results.Result | None:
    """What `evaluate_runs` left in `out`, if it was of these networks and settings."""
    if not (out / results.NAME).is_file():
        return None
    found = results.read(out)
    models = tuple(results.digest(checkpoints.newest_model(run)) for run in fold_runs)
    differs = files.differences(found.experiment, fold_runs[0].experiment)
    return found if found.models == models and not differs else None


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
    _record(found, time.monotonic() - begin, out, experiment, [file])
    return found
