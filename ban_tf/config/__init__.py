"""Every number an experiment depends on, in one frozen tree.

`[P]` marks what the paper states, `[C]` what only the authors' released code tells, `[S]` what
SGPN's released code tells, `[N]` what PointNet's, `[A]` what ASIS's, `[J]` what JSNet's, `[B]` what
BoNet's, `[O]` what belongs to this project.
"""

from ban_tf.config.experiment import Experiment
from ban_tf.config.features import Features
from ban_tf.config.files import from_json, identity, to_json
from ban_tf.config.inference import Clusterer, GroupMergingConfig, InferenceConfig, Protocol
from ban_tf.config.labels import NONE, Labels
from ban_tf.config.losses import BoxLossConfig, LossConfig, Norm, SimilarityLossConfig
from ban_tf.config.networks import (
    AsisConfig,
    AttentionKernel,
    AttentionScale,
    BackboneConfig,
    BanConfig,
    BonetConfig,
    ItosSource,
    JsnetConfig,
    NetworkConfig,
    Order,
    PointConvConfig,
    PointNetConfig,
    SetAbstractionConfig,
    SgpnConfig,
    SimilarityStart,
)
from ban_tf.config.recipes import (
    ABLATIONS,
    RECIPES,
    VARIANTS,
    Recipe,
    with_network,
    with_recipe,
)
from ban_tf.config.samples import Blocks, Sampling, Shapes
from ban_tf.config.scale import for_samples, with_block_size
from ban_tf.config.split import Split, leave_one_out, title_of
from ban_tf.config.training import (
    AugmentationConfig,
    DecayUnit,
    Keep,
    PretrainingConfig,
    ScheduleConfig,
    TrainingConfig,
    ValidationConfig,
)

__all__ = [
    "ABLATIONS",
    "NONE",
    "RECIPES",
    "VARIANTS",
    "AsisConfig",
    "AttentionKernel",
    "AttentionScale",
    "AugmentationConfig",
    "BackboneConfig",
    "BanConfig",
    "Blocks",
    "BonetConfig",
    "BoxLossConfig",
    "Clusterer",
    "DecayUnit",
    "Experiment",
    "Features",
    "GroupMergingConfig",
    "InferenceConfig",
    "ItosSource",
    "JsnetConfig",
    "Keep",
    "Labels",
    "LossConfig",
    "NetworkConfig",
    "Norm",
    "Order",
    "PointConvConfig",
    "PointNetConfig",
    "PretrainingConfig",
    "Protocol",
    "Recipe",
    "Sampling",
    "ScheduleConfig",
    "SetAbstractionConfig",
    "SgpnConfig",
    "Shapes",
    "SimilarityLossConfig",
    "SimilarityStart",
    "Split",
    "TrainingConfig",
    "ValidationConfig",
    "for_samples",
    "from_json",
    "identity",
    "leave_one_out",
    "title_of",
    "to_json",
    "with_block_size",
    "with_network",
    "with_recipe",
]
