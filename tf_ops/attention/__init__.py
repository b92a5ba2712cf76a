"""Softmax attention over the points of a cloud."""
