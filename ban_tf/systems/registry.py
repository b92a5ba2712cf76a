"""Systems by the name of their network."""

from ban_tf.systems.bonet import BonetSystem
from ban_tf.systems.embedding import BanSystem, EmbeddingSystem
from ban_tf.systems.sgpn import SgpnSystem
from ban_tf.systems.system import System

_BATCH = "Trained with a batch of {batch_size}, where its own code takes 24."

SYSTEMS: dict[str, System] = {
    "asis": EmbeddingSystem("ASIS", "PointNet++", (_BATCH,)),
    "ban": BanSystem("BAN", "PointNet++"),
    "bonet": BonetSystem(),
    "jsnet": EmbeddingSystem("JSNet", "PointConv", (_BATCH,)),
    "jsnet_pointnet2": EmbeddingSystem("JSNet", "PointNet++", (_BATCH,)),
    "pointnet": EmbeddingSystem(
        "PointNet",
        "PointNet",
        (
            "Its code was not released: PointNet's shared part, then 512, 256, 128 in each branch "
            "and half of the features dropped, as in the other networks.",
        ),
    ),
    "pointnet2": EmbeddingSystem("PointNet++", "PointNet++"),
    "sgpn": SgpnSystem(),
}


def of(name: str) -> System:
    """The system of a network.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> from ban_tf import systems
        >>> systems.of("jsnet").title, systems.of("sgpn").embeds
        ('JSNet', False)
    """
    if name not in SYSTEMS:
        raise ValueError(
            f"there is no system of this name; there are {', '.join(sorted(SYSTEMS))}. "
            f"Received: name={name!r}"
        )
    return SYSTEMS[name]
