"""Farthest point sampling and gathering."""
