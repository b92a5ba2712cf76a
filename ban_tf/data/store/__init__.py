"""Prepared samples on disk: written once, read in any order."""

from ban_tf.data.store import manifest
from ban_tf.data.store.due import is_prepared
from ban_tf.data.store.manifest import Settings
from ban_tf.data.store.store import Store
from ban_tf.data.store.stored_cloud import StoredCloud
from ban_tf.data.store.writer import prepare

__all__ = ["Settings", "Store", "StoredCloud", "is_prepared", "manifest", "prepare"]
