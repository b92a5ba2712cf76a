"""What the similarities of an attention are worth: how much of a row lies on points of its kind."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ban_tf.config import NONE


@dataclasses.dataclass(frozen=True)
class SimilarityScores:
    """Means over the rows of similarity matrices; a row says where one point looks.

    Chance is what a row that looks at all points alike would get: the share of the sample's points
    that are of the row's own class or instance. Rows of unlabelled points count only where no
    label is asked for.

    Args:
        own_class: weight on points of the row's own class, in [0, 1]; NaN without labelled points.
        class_chance: its chance.
        own_instance: weight on points of the row's own instance.
        instance_chance: its chance.
        effective_points: exponential of a row's entropy: over how many points it spreads, 1 to N.
        hubs: different points that are the most similar one of some row, of N; few hubs mean that
            all points look at the same few.
        spread: standard deviation of the inner products before the soft-max.
    """

    own_class: float
    class_chance: float
    own_instance: float
    instance_chance: float
    effective_points: float
    hubs: float
    spread: float


def score(products: np.ndarray, semantic: np.ndarray, instance: np.ndarray) -> SimilarityScores:
    """Scores the similarities of one sample.

    Args:
        products: float `[N, N]`, finite: inner products, whose rows' soft-max is the similarity.
        semantic: int `[N]`, true classes, `NONE` for none.
        instance: int `[N]`, true instances, `NONE` for none.

    Raises:
        ValueError: shapes that do not fit each other.

    Example:
        >>> products = np.array([[9.0, 9, 0], [9, 9, 0], [0, 0, 9]])
        >>> found = score(products, np.array([0, 0, 1]), np.array([0, 1, 2]))
        >>> round(found.own_class, 2), round(found.class_chance, 2), found.hubs
        (1.0, 0.56, 2.0)
    """
    count = len(semantic)
    if products.shape != (count, count) or instance.shape != (count,) or count == 0:
        raise ValueError(
            "`products` must be [N, N], `semantic` and `instance` [N], N at least 1. Received: "
            f"{products.shape}, {semantic.shape}, {instance.shape}"
        )
    shifted = products.astype(np.float64) - products.max(axis=1, keepdims=True)
    rows = np.exp(shifted)
    rows /= rows.sum(axis=1, keepdims=True)
    # x log x is 0 at 0, where the logarithm is not finite.
    entropy = -(rows * np.log(np.where(rows > 0, rows, 1.0))).sum(axis=1)
    return SimilarityScores(
        *_weight_on_own(rows, semantic),
        *_weight_on_own(rows, instance),
        effective_points=float(np.exp(entropy).mean()),
        hubs=float(len(np.unique(rows.argmax(axis=1)))),
        spread=float(products.std(dtype=np.float64)),
    )


def _weight_on_own(rows: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Mean weight of a labelled row on its own label, and the chance of it."""
    labelled = label != NONE
    if not labelled.any():
        return np.nan, np.nan
    same = label[labelled, None] == label[None, :]
    return float((rows[labelled] * same).sum(axis=1).mean()), float(same.mean())


def score_all(
    products: Mapping[str, np.ndarray], semantic: np.ndarray, instance: np.ndarray
) -> dict[str, SimilarityScores]:
    """The means over several samples for each attention of a network.

    Args:
        products: float `[B, N, N]` by the name of the attention, B at least 1.
        semantic: int `[B, N]`.
        instance: int `[B, N]`.

    Example:
        >>> labels = np.array([[0, 1], [0, 0]])
        >>> score_all({"stoi": np.zeros((2, 2, 2))}, labels, labels)["stoi"].own_class
        0.75
    """
    return {
        name: mean([score(*sample) for sample in zip(several, semantic, instance, strict=True)])
        for name, several in products.items()
    }


def mean(scores: Sequence[SimilarityScores]) -> SimilarityScores:
    """The mean over samples; a sample without labelled points counts where it has a number.

    Example:
        >>> one = score(np.zeros((2, 2)), np.array([0, 1]), np.array([0, 0]))
        >>> mean([one, one]).own_class
        0.5
    """
    values = np.array([dataclasses.astuple(one) for one in scores])
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    # 0 / 0 is NaN: no sample has the number.
    with np.errstate(invalid="ignore"):
        return SimilarityScores(*map(float, total / known.sum(axis=0)))
