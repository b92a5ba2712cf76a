"""Digests of arrays."""

import hashlib

import numpy as np

from ban_tf.clouds.cloud import Cloud


def of_cloud(cloud: Cloud) -> str:
    """The digest of the points of a cloud and their colours; its name and labels play no part.

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> of_cloud(unlabelled("a", np.eye(3))) == of_cloud(unlabelled("b", np.eye(3)))
        True
    """
    return digest(cloud.xyz, *([] if cloud.rgb is None else [cloud.rgb]))


def digest(*arrays: np.ndarray) -> str:
    """SHA-256 of the arrays' dtypes, shapes and values, in hexadecimal.

    Example:
        >>> digest(np.zeros(2)) == digest(np.zeros(2)), digest(np.zeros(2)) == digest(np.zeros(3))
        (True, False)
    """
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype} {array.shape};".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
