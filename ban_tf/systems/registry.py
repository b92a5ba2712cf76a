"""Systems by the name of their network."""

from ban_tf.systems.embedding import EmbeddingSystem
from ban_tf.systems.sgpn import SgpnSystem
from ban_tf.systems.system import System

SYSTEMS: dict[str, System] = {
    "ban": EmbeddingSystem("BAN", "PointNet++"),
    "pointnet2": EmbeddingSystem("PointNet++", "PointNet++"),
    "sgpn": SgpnSystem(),
}


def of(name: str) -> System:
    """The system of a network.

    Raises:
        ValueError: an unknown name.
    """
    if name not in SYSTEMS:
        raise ValueError(
            f"there is no system of this name; there are {', '.join(sorted(SYSTEMS))}. "
            f"Received: name={name!r}"
        )
    return SYSTEMS[name]
