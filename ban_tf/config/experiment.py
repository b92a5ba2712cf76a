"""Everything that one row of a table depends on."""

import dataclasses
from typing import Any

from ban_tf.config import kinds, names
from ban_tf.config.checking import require
from ban_tf.config.features import Features
from ban_tf.config.inference import InferenceConfig
from ban_tf.config.labels import Labels
from ban_tf.config.losses import BoxLossConfig, LossConfig, SimilarityLossConfig
from ban_tf.config.networks import NetworkConfig
from ban_tf.config.samples import Blocks, Sampling
from ban_tf.config.split import Split
from ban_tf.config.training import TrainingConfig

MAX_SEED = 2**32 - 1  # of what NumPy's and Keras's generators take


@kinds.config
class Experiment:
    """One row of a table: data, a network, and everything done with them.

    Args:
        dataset: name of the data, in headings and in the names of folders.
        labels: its classes.
        split: what is trained on, and what is tested.
        features: what the network sees of every point.
        samples: how clouds become samples.
        seed: of everything random, in [0, 2^32).
        network: its numbers of classes and features are filled in, or must agree.
        loss: of systems that embed.
        similarity_loss: of SGPN.
        box_loss: of BoNet.
        training: optimiser, schedules, length.
        inference: from outputs to instances.

    Raises:
        ValueError: parts that contradict each other, or a name of the data that no folder can have.
    """

    dataset: str
    labels: Labels
    split: Split
    features: Features = Features()
    samples: Sampling = Blocks()
    seed: int = 0
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    similarity_loss: SimilarityLossConfig = SimilarityLossConfig()
    box_loss: BoxLossConfig = BoxLossConfig()
    training: TrainingConfig = TrainingConfig()
    inference: InferenceConfig = InferenceConfig()

    def __post_init__(self) -> None:
        names.require_file_name("`dataset`", self.dataset)
        require(0 <= self.seed <= MAX_SEED, f"`seed` must be in [0, {MAX_SEED}].", seed=self.seed)
        in_sample = "block_xyz" if isinstance(self.samples, Blocks) else "xyz"
        require(
            self.features.names[0] == in_sample,
            f"the first features of {type(self.samples).__name__} must be `{in_sample}`.",
            features=self.features.names,
        )
        self._complete_network()
        require(
            self.similarity_loss.margin == self.inference.group_merging.margin,
            "similarities must be scaled alike in training and in merging: the margins must agree.",
            similarity_loss=self.similarity_loss.margin,
            group_merging=self.inference.group_merging.margin,
        )

    def _complete_network(self) -> None:
        """Fills in what the network has to know of labels and features, or compares it."""
        follows: dict[str, Any] = {
            "num_classes": self.labels.num_classes,
            "num_features": self.features.num_channels,
        }
        for name, value in follows.items():
            given = getattr(self.network, name)
            require(
                given in (None, value),
                f"`network.{name}` must be that of the labels and features, or None to take theirs "
                "(as where `replace` changes them).",
                network=given,
                experiment=value,
            )
        # The one moment in which a frozen instance may still be completed.
        object.__setattr__(self, "network", dataclasses.replace(self.network, **follows))
