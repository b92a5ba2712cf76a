"""Prepared samples on disk: written once, read in any order."""

from ban_tf.data.store.store import Store, StoredRoom
from ban_tf.data.store.writer import prepare

__all__ = ["Store", "StoredRoom", "prepare"]
