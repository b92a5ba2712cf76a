"""Experiments by name: the systems' own recipes, and the rows of the ablation."""

import dataclasses
from typing import Literal

from ban_tf.config.checking import require_choice
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
Recipe = Literal["faithful", "improved"]


def with_recipe(experiment: Experiment, recipe: Recipe) -> Experiment:
    """The same experiment with BAN's attention as the authors released it, or improved.

    Released, theta and phi are drawn independently, so their inner products are no similarity at
    the start, and not scaled, so the soft-max settles on a few points that all others look at. The
    improved attention divides the products by the root of their length and starts with
    phi = theta. `docs/results.md` has what each of the two brings.

    Args:
        experiment: of any network; only BAN's attention is changed.
        recipe: "faithful" or "improved".

    Raises:
        ValueError: an unknown recipe.
    """
    require_choice(Recipe, recipe=recipe)
    if recipe == "faithful":
        ban = dataclasses.replace(
            experiment.network.ban, attention_scale="none", similarity_start="independent"
        )
    else:
        ban = _improved(experiment.network.ban)
    return dataclasses.replace(experiment, network=dataclasses.replace(experiment.network, ban=ban))


def _improved(ban: BanConfig) -> BanConfig:
    return dataclasses.replace(ban, attention_scale="rsqrt", similarity_start="tied")


# What the ablation trains: the paper's rows, then ours.
VARIANTS = {**ABLATIONS, "STOI then ITOS, improved": _improved(BanConfig())}


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
