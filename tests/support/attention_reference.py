"""What `attention` computes, in the plainest NumPy and float64; used by the tests."""

import numpy as np


def similarity(query, key, scale):
    logits = scale * np.einsum("bnd,bmd->bnm", query.astype(np.float64), key.astype(np.float64))
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def attend(query, key, value, scale=1.0):
    return np.einsum("bnm,bmc->bnc", similarity(query, key, scale), value.astype(np.float64))


def gradients(query, key, value, upstream, scale=1.0):
    """Derivatives of sum(upstream * attend) by query, key and value."""
    query, key, value, upstream = (
        array.astype(np.float64) for array in (query, key, value, upstream)
    )
    shares = similarity(query, key, scale)
    by_share = np.einsum("bnc,bmc->bnm", upstream, value)
    mean = np.sum(shares * by_share, axis=-1, keepdims=True)
    by_logit = scale * shares * (by_share - mean)
    return (
        np.einsum("bnm,bmd->bnd", by_logit, key),
        np.einsum("bnm,bnd->bmd", by_logit, query),
        np.einsum("bnm,bnc->bmc", shares, upstream),
    )
