"""ASIS: instances and semantics that help each other (Wang et al., 2019).

                          semantic features --+------- maximum over neighbours --> logits
    points --> encoder --<                    v                   ^
                          instance features --+--> embedding -----+

Semantic features, adapted by a layer, are added to the instance features; points close to each
other in the embedding share their semantic features.
"""

import keras

from ban_tf.config import NetworkConfig
from ban_tf.model import pointnet2
from ban_tf.model.association import InstanceAssociation
from ban_tf.model.layers import PointMLP
from ban_tf.model.normalization import MomentumSchedule


def build(
    config: NetworkConfig, schedule: MomentumSchedule, num_points: int | None = None
) -> keras.Model:
    """Builds ASIS; arguments and outputs as `networks.build`.

    Example:
        >>> from ban_tf.config import NetworkConfig, TrainingConfig
        >>> from ban_tf.model import asis
        >>> from ban_tf.model.normalization import MomentumSchedule
        >>> schedule = MomentumSchedule(decay=TrainingConfig.batch_norm_decay, unit="samples")
        >>> model = asis.build(NetworkConfig(num_classes=4, num_features=6), schedule)
        >>> model.output["embedding"].shape
        (None, None, 5)
    """
    points = pointnet2.points_input(config, num_points)
    semantic, instance = pointnet2.branches(points, config, schedule)
    width = config.backbone.head_width
    adapted = PointMLP((width,), schedule, name="semantic_adaptation")(semantic)
    aware = keras.layers.Add(name="semantic_awareness")([instance, adapted])
    embedding = pointnet2.embedding(aware, config)
    association = InstanceAssociation(
        config.asis.num_neighbours,
        config.asis.max_distance,
        config.asis.chunk_rows,
        name="instance_association",
    )
    logits = pointnet2.logits(association(embedding, semantic), config)
    return keras.Model(points, {"logits": logits, "embedding": embedding}, name="asis")
