"""Samples in memory: what the network and its losses take."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Samples:
    """K samples of P points with C channels.

    Args:
        features: float32 `[K, P, C]`, channels as `config.Features` orders them.
        semantic: int32 `[K, P]`, class of every point, `NONE` where it has none.
        instance: int32 `[K, P]`, instance of every point, `NONE` where it has none.
    """

    features: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray

    def __len__(self) -> int:
        return len(self.features)
