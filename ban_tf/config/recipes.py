"""Experiments by name: the systems' own recipes, and the rows of the ablation."""

import dataclasses

from ban_tf.config.experiment import Experiment
from ban_tf.config.networks import BanConfig
from ban_tf.config.training import PretrainingConfig, ScheduleConfig, TrainingConfig

# The rows of the paper's Table 7, by their names there. The mirrored reading of "Inverse order" is
# open in the paper; see `BanConfig.order`.
ABLATIONS = {
    "none": BanConfig(stoi=False, itos=False),
    "STOI only": BanConfig(itos=False),
    "ITOS only": BanConfig(stoi=False),
    "STOI then ITOS": BanConfig(),
    "Inverse order": BanConfig(order="itos_first"),
    "Self-attention": BanConfig(self_attention=True),
}


# How systems train that do not train like BAN.
RECIPES: dict[str, TrainingConfig] = {
    "sgpn": TrainingConfig(
        batch_size=4,  # [S]
        num_epochs=200,  # [S]
        learning_rate=ScheduleConfig(initial=1e-4, factor=0.5, every=800_000, limit=1e-6),  # [S]
        pretraining=PretrainingConfig(num_epochs=50),  # [N]
    ),
    "bonet": TrainingConfig(
        batch_size=4,  # [B]
        num_epochs=51,  # [B]
        learning_rate=ScheduleConfig(initial=5e-4, factor=0.5, every=20, limit=1e-5),  # [B]
        learning_rate_by_epoch=True,  # [B]
    ),
}


def with_network(experiment: Experiment, name: str) -> Experiment:
    """The same experiment with another network, trained by that system's own recipe.

    Args:
        experiment: the experiment.
        name: of the network, one of `model.networks.BUILDERS`.
    """
    network = dataclasses.replace(experiment.network, name=name)
    training = RECIPES.get(name, experiment.training)
    inference, loss = experiment.inference, experiment.loss
    if name in ("jsnet", "jsnet_pointnet2"):
        loss = dataclasses.replace(loss, regularisation_weight=0.0)  # [J]
    if name == "bonet":
        inference = dataclasses.replace(inference, min_new_points=12, size_filter=0.3)  # [B]
    return dataclasses.replace(
        experiment, network=network, loss=loss, training=training, inference=inference
    )
