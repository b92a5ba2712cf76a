"""Point-cloud ops on `[B, N, ...]` tensors, compiled for TensorFlow; knows nothing of BAN.

    import tf_ops

    picks = tf_ops.farthest_point_sample(xyz, 1024)

Each op has two sets of kernels that keep one contract: the native ones, compiled C++ and CUDA, and
the stock ones, written in `keras.ops` alone, which run under every Keras backend. Native kernels
are the rule under TensorFlow; `stock_kernels`, `BAN_TF_OPS=stock` and other backends mean the
stock ones (`tf_ops.library`).

The functions of `__all__` are what the package offers. Importing it imports neither TensorFlow nor
Keras: the module of a function is loaded when its name is first used. The attention of points is
`attend`, because `tf_ops.attention` is the package that it lives in.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf_ops.attention.attention import attend
    from tf_ops.attention.stock import attention_row
    from tf_ops.clustering.clustering import mean_shift
    from tf_ops.grouping.grouping import ball_query, group_points
    from tf_ops.interpolation.interpolation import (
        interpolate,
        three_nearest,
        three_nearest_weights,
    )
    from tf_ops.library import stock_kernels, use_stock
    from tf_ops.sampling.sampling import farthest_point_sample, gather_points

__all__ = [
    "attend",
    "attention_row",
    "ball_query",
    "farthest_point_sample",
    "gather_points",
    "group_points",
    "interpolate",
    "mean_shift",
    "stock_kernels",
    "three_nearest",
    "three_nearest_weights",
    "use_stock",
]

# The same as the imports above, for when the program runs.
_MODULES = {
    "attend": "tf_ops.attention.attention",
    "attention_row": "tf_ops.attention.stock",
    "ball_query": "tf_ops.grouping.grouping",
    "farthest_point_sample": "tf_ops.sampling.sampling",
    "gather_points": "tf_ops.sampling.sampling",
    "group_points": "tf_ops.grouping.grouping",
    "interpolate": "tf_ops.interpolation.interpolation",
    "mean_shift": "tf_ops.clustering.clustering",
    "stock_kernels": "tf_ops.library",
    "three_nearest": "tf_ops.interpolation.interpolation",
    "three_nearest_weights": "tf_ops.interpolation.interpolation",
    "use_stock": "tf_ops.library",
}

if not TYPE_CHECKING:  # a type checker would take any name for one that `__getattr__` knows

    def __getattr__(name: str) -> Any:
        """Loads the module of a public function when its name is first used (PEP 562)."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        function = getattr(importlib.import_module(_MODULES[name]), name)
        globals()[name] = function
        return function

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
