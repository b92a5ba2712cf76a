"""What can be known of a user's scan: its unit, the axis that is up, the range of its colours."""

from typing import Literal

Unit = Literal["m", "cm", "mm", "in", "ft"]
Up = Literal["x", "-x", "y", "-y", "z", "-z"]
ColorRange = Literal["8-bit", "16-bit", "0-1", "none"]
