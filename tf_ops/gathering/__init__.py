"""Rows of points by index."""
