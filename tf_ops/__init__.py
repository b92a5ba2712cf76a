"""Compiled point-cloud ops with stock twins in `keras.ops`; knows nothing of BAN."""
