"""Evaluations with any scores one likes, of a data set with one class."""

import dataclasses

import numpy as np

from ban_tf.metrics import average_precision, panoptic
from ban_tf.metrics.evaluators import METRICS, Evaluation
from ban_tf.metrics.instance import InstanceScores
from ban_tf.metrics.semantic import SemanticScores


def evaluation(means=0.5, **fields):
    """An evaluation with these means.

    Args:
        means: a dictionary of the seven scores, or one number for all of them.
        fields: of `Evaluation`, instead of those of a small demo.
    """
    scores = means if isinstance(means, dict) else dict.fromkeys(METRICS, means)
    one = np.ones(1, np.int64)
    instance = InstanceScores(
        matching="legacy",
        coverage=np.array([scores["mCov"]]),
        weighted_coverage=np.array([scores["mWCov"]]),
        precision=np.array([scores["mPrec"]]),
        recall=np.array([scores["mRec"]]),
        num_truth=one,
        num_predicted=one,
        num_matched=one,
    )
    made = Evaluation(
        dataset="demo",
        class_names=("thing",),
        test=("Area_3",),
        protocol="covering",
        method="BAN",
        clouds=("a",),
        semantic=SemanticScores(
            overall_accuracy=scores["oAcc"],
            accuracy=np.array([scores["mAcc"]]),
            iou=np.array([scores["mIoU"]]),
            num_points=1,
            absent=(),
        ),
        instance=instance,
        strict=dataclasses.replace(instance, matching="strict"),
        precision=average_precision.undefined(1),
        panoptic=panoptic.undefined(1),
    )
    return dataclasses.replace(made, **fields)
