"""What a client needs of a way to a server; gRPC and REST are two."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ban_tf.serving.client.stopping import Stop

Arrays = dict[str, np.ndarray]

DTYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_UINT8": "uint8",
    "DT_BOOL": "bool",
}


@dataclasses.dataclass(frozen=True)
class Tensor:
    """What a signature says of an input or output.

    Args:
        dtype: name of NumPy's.
        shape: None for a size that is not fixed; None as a whole where nothing is known.
    """

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclasses.dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a function of a model, by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What a server tells of a version of a model.

    Args:
        version: the one that answered; None where the server does not tell.
        signatures: by name.
    """

    version: int | None
    signatures: Mapping[str, Signature]


class Transport(Protocol):
    """One model of one server. All methods raise `errors.Failure`, and may be called by threads."""

    def metadata(self, version: int | None, stop: Stop) -> Metadata:
        """Of a version, or of the newest."""

    def states(self, stop: Stop) -> dict[int, str]:
        """State of each version, such as `AVAILABLE`."""

    def predict(
        self, version: int | None, name: str, signature: Signature, inputs: Arrays, stop: Stop
    ) -> tuple[Arrays, int | None]:
        """Outputs by name, and the version that gave them, None where the server does not tell."""

    def close(self) -> None:
        """Gives connections back."""


def tensor(dtype: str, sizes: list[int] | None) -> Tensor:
    """From the names and sizes of the protocol; -1 is not fixed.

    Example:
        >>> tensor("DT_INT32", [-1])
        Tensor(dtype='int32', shape=(None,))
    """
    shape = None if sizes is None else tuple(None if size < 0 else size for size in sizes)
    return Tensor(DTYPES.get(dtype, dtype), shape)
