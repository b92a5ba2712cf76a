"""The systems of the paper's tables: what each needs beside its network."""

from ban_tf.systems.registry import SYSTEMS, of
from ban_tf.systems.system import Clusters, Objective, System

__all__ = ["SYSTEMS", "Clusters", "Objective", "System", "of"]
