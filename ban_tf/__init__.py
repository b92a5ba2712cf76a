"""BAN: joint instance and semantic segmentation of point clouds in TensorFlow 2 and Keras 3.

    import ban_tf

    model = ban_tf.load("runs/demo")                     # a run folder or a .keras file
    labels = ban_tf.segment(ban_tf.unlabelled("scan", xyz, rgb), model)
    ban_tf.segment_scan("office.laz", model)             # writes office_labelled.laz

What stands here is imported on first use, so `import ban_tf` alone takes a moment. It also makes
`keras.models.load_model` know the layers of this package.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ban_tf import registration

if TYPE_CHECKING:
    from ban_tf.clouds.cloud import Cloud, unlabelled
    from ban_tf.clouds.own_scans import read_scan
    from ban_tf.config import NONE, Blocks, Experiment, Features, Labels, Shapes, Split
    from ban_tf.data import s3dis
    from ban_tf.data.dataset import Dataset
    from ban_tf.data.reading import Scan
    from ban_tf.experiments.own_scans import segment_scan
    from ban_tf.experiments.trained import TrainedModel, load, segment
    from ban_tf.inference.results import Segmentation

__version__ = "0.2.0"

__all__ = [
    "NONE",
    "Blocks",
    "Cloud",
    "Dataset",
    "Experiment",
    "Features",
    "Labels",
    "Scan",
    "Segmentation",
    "Shapes",
    "Split",
    "TrainedModel",
    "__version__",
    "load",
    "read_scan",
    "s3dis",
    "segment",
    "segment_scan",
    "unlabelled",
]
_HOMES = {
    **dict.fromkeys(("Cloud", "unlabelled"), "ban_tf.clouds.cloud"),
    **dict.fromkeys(
        ("NONE", "Blocks", "Experiment", "Features", "Labels", "Shapes", "Split"), "ban_tf.config"
    ),
    "Dataset": "ban_tf.data.dataset",
    "Scan": "ban_tf.data.reading",
    "Segmentation": "ban_tf.inference.results",
    "read_scan": "ban_tf.clouds.own_scans",
    "s3dis": "ban_tf.data",
    "segment_scan": "ban_tf.experiments.own_scans",
    **dict.fromkeys(("TrainedModel", "load", "segment"), "ban_tf.experiments.trained"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "s3dis":
        return importlib.import_module("ban_tf.data.s3dis")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


registration.register()
