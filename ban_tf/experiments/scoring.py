"""Scores of prediction files, whoever wrote them."""

from pathlib import Path

from ban_tf import config
from ban_tf.data import prediction_files, prediction_scores
from ban_tf.data.dataset import Source
from ban_tf.metrics import benchmarks, evaluators


def score_predictions(
    folder: Path, source: Source, protocol: config.Protocol
) -> evaluators.Evaluation:
    """Scores a folder of `<cloud>_pred.txt` and `<cloud>_gt.txt`.

    Args:
        folder: of prediction files in the text format of ASIS, JSNet and BAN, with scores of the
            instances where `data.prediction_scores` finds any.
        source: tells the data set of the clouds by their names.
        protocol: how their points were drawn.
    """
    names = prediction_files.list_rooms(folder)
    dataset = source.of_clouds(folder, names)
    groups = sorted({dataset.group_of(name) for name in names})
    official = benchmarks.of(dataset.benchmark if protocol == "covering" else "", dataset.labels)
    evaluator = evaluators.Evaluator(
        dataset.name, dataset.labels, groups, protocol, "prediction files", official
    )
    for cloud in prediction_files.read_rooms(folder, dataset.labels.num_classes):
        instance, scores = prediction_scores.numbered(cloud, folder)
        truth = cloud.truth_semantic, cloud.truth_instance
        evaluator.add(cloud.name, *truth, cloud.semantic, instance, scores)
    return evaluator.evaluation()
