"""Scores of semantic and instance labels, and the tables they are printed in."""
