"""The scores of several folds together, from the predictions that each of their trainings kept."""

import dataclasses
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from ban_tf import config, disk
from ban_tf.data import prediction_files, prediction_scores
from ban_tf.data.store import Store, StoredCloud
from ban_tf.experiments import evaluation, outcomes, results, unfinished, workflow
from ban_tf.metrics.evaluators import Evaluation, Evaluator
from ban_tf.training import runs


def pool(fold_runs: Sequence[runs.Run], store: Store, out: pathlib.Path) -> Evaluation:
    """Scores what the networks of several folds predicted, pooled; segments nothing again.

    The scores are those of `workflow.evaluate_runs` of the same runs.

    Args:
        fold_runs: finished runs, one per fold.
        store: prepared samples of all folds.
        out: folder of the results.

    Raises:
        FileNotFoundError: a result or a prediction is missing; the message names it.
        ValueError: one is damaged, or of another version of its cloud.
        disk.FolderInUseError: another process evaluates into the folder.
    """
    begin, protocol = time.monotonic(), outcomes.protocol_of(store)
    kept = [results.read(run.evaluation_folder(protocol)) for run in fold_runs]
    evaluator = evaluation.evaluator_of(fold_runs[0].experiment, protocol, store.benchmark)
    test: list[str] = []
    for run in fold_runs:
        test += run.experiment.split.test
        predictions = run.evaluation_folder(protocol) / "predictions"
        held_out = store.select(run.experiment.split.test)
        add = _add_covering if protocol == "covering" else _add_legacy
        for stored in held_out.clouds:
            try:
                add(evaluator, held_out, stored, predictions, run.experiment.labels)
            except (FileNotFoundError, ValueError) as error:
                raise type(error)(
                    f"{error} The pooled table needs it: evaluate all splits together "
                    "(`all_splits`)."
                ) from error
    found = dataclasses.replace(evaluator.evaluation(), test=tuple(sorted(test)))
    with disk.one_writer(out):
        evaluation.write(found, out)
        seconds = time.monotonic() - begin + sum(one.evaluation_seconds for one in kept)
        digests = [digest for one in kept for digest in one.models]
        workflow.record(found, seconds, out, fold_runs[0].experiment, digests, fold_runs)
    return found


def _add_covering(
    evaluator: Evaluator,
    store: Store,
    stored: StoredCloud,
    predictions: pathlib.Path,
    labels: config.Labels,
) -> None:
    cloud = evaluation.load_cloud(store, stored.name)
    predicted = unfinished.prediction_of(predictions.parent, cloud)
    truth = labels.without_stuff(cloud.semantic, cloud.instance)
    evaluator.add(
        stored.name,
        cloud.semantic,
        truth,
        predicted.semantic,
        predicted.instance,
        predicted.instance_scores,
    )


def _add_legacy(
    evaluator: Evaluator,
    store: Store,
    stored: StoredCloud,
    predictions: pathlib.Path,
    labels: config.Labels,
) -> None:
    if not stored.num_samples:  # of which nothing is predicted
        nothing = np.zeros(0, np.int32)
        evaluator.add(stored.name, nothing, nothing, nothing, nothing)
        return
    room = prediction_files.read_room(predictions, stored.name, labels.num_classes)
    instance, scores = prediction_scores.numbered(room, predictions)
    evaluator.add(
        stored.name, room.truth_semantic, room.truth_instance, room.semantic, instance, scores
    )
