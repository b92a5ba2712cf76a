"""The originals' discriminative loss, read from the formulas in plain NumPy float64.

    total = pull + push + 0.001 x regularisation, each block's, then the mean over the blocks

With C instances of a block, whatever their class, mean embeddings m_c and L1 lengths:
pull is the mean over instances of the mean over their points of [|x - m_c| - 0.5]_+^2; push the
mean over ordered pairs of different instances of [3 - |m_a - m_b|]_+^2, 0 for one instance;
regularisation the mean of |m_c|. Points of instance -1 are left out.
"""

import numpy as np

PULL_MARGIN, PUSH_DISTANCE, REGULARISATION = 0.5, 3.0, 0.001


def terms_of_block(instance, embedding):
    """float64 `[3]`, weighted: pull, push, regularisation of `[N]` ids and `[N, E]`."""
    ids = sorted(set(instance.tolist()) - {-1})
    if not ids:
        return np.zeros(3)
    members = [np.asarray(embedding, np.float64)[instance == number] for number in ids]
    means = np.array([points.sum(axis=0) / len(points) for points in members])
    pull = 0.0
    for points, mean in zip(members, means, strict=True):
        excess = np.maximum(np.abs(points - mean).sum(axis=1) - PULL_MARGIN, 0.0)
        pull += (excess**2).sum() / len(points) / len(ids)
    push = 0.0
    for first, mean in enumerate(means):
        for second, other in enumerate(means):
            if first != second:
                missing = max(PUSH_DISTANCE - np.abs(mean - other).sum(), 0.0)
                push += missing**2 / (len(ids) * (len(ids) - 1))
    return np.array([pull, push, REGULARISATION * np.abs(means).sum(axis=1).mean()])


def terms(instance, embedding):
    """float64 `[3]`: the terms of a batch `[B, N]`, `[B, N, E]`; the loss is their sum."""
    return np.mean(
        [terms_of_block(*block) for block in zip(instance, embedding, strict=True)], axis=0
    )


def gradient(instance, embedding, step=1e-6):
    """float64 `[B, N, E]`: of the loss, by central differences, one number after the other."""
    embedding = np.array(embedding, np.float64)
    slopes = np.zeros(embedding.shape)
    for block, place in ((index[0], index) for index in np.ndindex(*embedding.shape)):
        value, totals = embedding[place], []
        for moved in (value + step, value - step):
            embedding[place] = moved
            totals.append(terms_of_block(instance[block], embedding[block]).sum())
        embedding[place] = value
        slopes[place] = (totals[0] - totals[1]) / (2 * step) / len(embedding)
    return slopes
