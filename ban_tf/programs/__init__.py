"""The installed commands: a docstring with command, cost and expected result; flags; one call.

The scripts in `train/` and `eval/` are these programs too.
"""
