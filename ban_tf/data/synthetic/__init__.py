"""Furnished buildings as a scanner sees them; NumPy only."""

from ban_tf.data.synthetic.building import Scan, scan_wing
from ban_tf.data.synthetic.mesh import Mesh, meshes

__all__ = ["Mesh", "Scan", "meshes", "scan_wing"]
