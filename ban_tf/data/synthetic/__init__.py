"""Furnished buildings as a scanner sees them; NumPy only."""

from ban_tf.data.synthetic.building import Scan, scan_wing

__all__ = ["Scan", "scan_wing"]
