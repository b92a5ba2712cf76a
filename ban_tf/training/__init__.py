"""Training of a network in a run folder that can be left and taken up again."""
