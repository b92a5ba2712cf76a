"""What is wrong with a file of points: what was repaired or left out, and what loses it all."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something wrong in a raw file, and what became of it.

    Args:
        path: the file.
        line: the line, counted from 1; 0 if the problem is the whole file's.
        text: what was wrong, and whether it was repaired, dropped or left out.
    """

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


class UnreadableError(ValueError):
    """A raw file that a scan cannot be read without is damaged, or does not fit the others.

    Args:
        path: the file.
        field: of the file, such as a property of a mesh; empty where it is the whole file.
        text: what is wrong with it.
        line: where, counted from 1; 0 where that is not known or means nothing.

    Example:
        >>> str(UnreadableError(Path("scan.json"), "segIndices", "is cut off"))
        'scan.json: segIndices: is cut off'
    """

    def __init__(self, path: Path, field: str, text: str, line: int = 0) -> None:
        self.problem = Problem(path, line, f"{field}: {text}" if field else text)
        super().__init__(str(self.problem))
