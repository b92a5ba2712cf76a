"""What pictures may be made of."""

from typing import Literal

Panel = Literal["scene", "instances", "classes", "mistakes"]  # a group of columns
ClassColors = Literal["distinct", "own"]  # told apart by everybody, or those of the data set
CELL_WIDTH = 400  # pixels
