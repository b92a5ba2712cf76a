"""Networks and their layers, in `keras` and `keras.ops` only.

All of them are imported together, so Keras knows every layer that a file may name.
"""

from ban_tf.model import networks

__all__ = ["networks"]
