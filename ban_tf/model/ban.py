"""BAN: the baseline's two branches, joined by an attention in each direction (paper, section 3).

                          semantic features --+-- ITOS --> logits
    points --> encoder --<                    v     ^
                          instance features --- STOI --> embedding

STOI propagates instance features over semantically similar points, ITOS semantic features over
points of similar embedding.
"""

from collections.abc import Callable
from typing import Any

import keras

from ban_tf.config import BanConfig, NetworkConfig
from ban_tf.model import pointnet2
from ban_tf.model.attention import CrossTaskAttention
from ban_tf.model.normalization import MomentumSchedule

Attention = Callable[[Any, Any], Any]  # (guide, values) -> values, with or without more channels


def build(
    config: NetworkConfig, schedule: MomentumSchedule, num_points: int | None = None
) -> keras.Model:
    """Builds BAN with the switches of `config.ban`; arguments and outputs as `networks.build`.

    Example:
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import ban
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> model = ban.build(NetworkConfig(num_classes=4, num_features=6), schedule)
        >>> model.output["embedding"].shape
        (None, None, 5)
    """
    points = pointnet2.points_input(config, num_points)
    semantic, instance = pointnet2.branches(points, config, schedule)
    connect = _CONNECTIONS["self_attention" if config.ban.self_attention else config.ban.order]
    stoi = _attention("stoi", config.ban.stoi, config.ban)
    itos = _attention("itos", config.ban.itos, config.ban)
    logits, embedding = connect(semantic, instance, stoi, itos, config)
    return keras.Model(points, {"logits": logits, "embedding": embedding}, name="ban")


def _attention(name: str, enabled: bool, config: BanConfig) -> Attention:
    if enabled:
        return CrossTaskAttention(
            config.attention_scale, config.attention, config.similarity_start, name=name
        )
    return lambda guide, values: values


def _stoi_first(
    semantic: Any, instance: Any, stoi: Attention, itos: Attention, config: NetworkConfig
) -> tuple[Any, Any]:
    """ITOS looks at the embedding, after STOI and the last layer, as in the authors' code."""
    embedding = pointnet2.embedding(stoi(semantic, instance), config)
    alike = embedding if config.ban.resolved_itos_source == "embedding" else instance
    return pointnet2.logits(itos(alike, semantic), config), embedding


def _itos_first(
    semantic: Any, instance: Any, stoi: Attention, itos: Attention, config: NetworkConfig
) -> tuple[Any, Any]:
    """STOI looks at the semantic features that ITOS has widened; the paper leaves this open."""
    semantic = itos(instance, semantic)
    embedding = pointnet2.embedding(stoi(semantic, instance), config)
    return pointnet2.logits(semantic, config), embedding


def _simultaneous(
    semantic: Any, instance: Any, stoi: Attention, itos: Attention, config: NetworkConfig
) -> tuple[Any, Any]:
    """Both attentions look at features that the other has not touched."""
    embedding = pointnet2.embedding(stoi(semantic, instance), config)
    return pointnet2.logits(itos(instance, semantic), config), embedding


def _self_attention(
    semantic: Any, instance: Any, stoi: Attention, itos: Attention, config: NetworkConfig
) -> tuple[Any, Any]:
    """Each branch attends to itself, in the place of the attention that feeds it."""
    embedding = pointnet2.embedding(stoi(instance, instance), config)
    return pointnet2.logits(itos(semantic, semantic), config), embedding


_CONNECTIONS = {
    "stoi_first": _stoi_first,
    "itos_first": _itos_first,
    "simultaneous": _simultaneous,
    "self_attention": _self_attention,
}
