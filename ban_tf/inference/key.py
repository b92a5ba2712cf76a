"""What the labels of a cloud depend on: the one key of all that a stopped run leaves."""

import dataclasses
import hashlib
import json

import numpy as np

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.inference.digest import digest, of_cloud
from ban_tf.inference.predictor import Predictor


@dataclasses.dataclass(frozen=True)
class Key:
    """Digests of the three things that the labels of a cloud depend on.

    The version of the code is not part of the key: delete what a stopped run left after changing
    the code.

    Args:
        cloud: of the coordinates and colours, or of the features of drawn samples. The name and
            the labels of the cloud play no part.
        network: the fingerprint of the predictor.
        experiment: of `config.identity`, without `blocks_in_flight`, which may be lowered between
            two runs.
    """

    cloud: str
    network: str
    experiment: str

    @classmethod
    def of(
        cls, points: Cloud | np.ndarray, predictor: Predictor, experiment: config.Experiment
    ) -> "Key":
        """The key of one segmentation. It reads all points: make it once per cloud and pass it on.

        Args:
            points: what is segmented: a cloud, or the features `[K, P, C]` of drawn samples.
            predictor: the network, as `predictor.as_predictor` makes it.
            experiment: everything that a run depends on counts.

        Example:
            >>> from ban_tf.clouds.cloud import unlabelled
            >>> from ban_tf.config import Experiment, Labels, Split
            >>> class Flat:
            ...     fingerprint = "flat, version 1"
            >>> experiment = Experiment(
            ...     dataset="desks",
            ...     labels=Labels(class_names=("desk", "lamp")),
            ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
            ... )
            >>> cloud = unlabelled("desk", np.zeros((5, 3)))
            >>> key = Key.of(cloud, Flat(), experiment)
            >>> key.network, key == Key.of(cloud, Flat(), experiment)
            ('flat, version 1', True)
        """
        cloud = of_cloud(points) if isinstance(points, Cloud) else digest(points)
        return cls(cloud, predictor.fingerprint, _of_experiment(experiment))

    def digest(self, mean_sizes: np.ndarray | None = None) -> str:
        """One digest of 32 characters, for names of files that keep finished labels.

        Args:
            mean_sizes: float64 `[C]` of the size filter, which finished labels depend on as well;
                None if there is no filter.
        """
        sizes = digest(*([] if mean_sizes is None else [mean_sizes]))
        parts = (self.cloud, self.network, self.experiment, sizes)
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]


def _of_experiment(experiment: config.Experiment) -> str:
    values = config.identity(experiment)
    del values["inference"]["blocks_in_flight"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
