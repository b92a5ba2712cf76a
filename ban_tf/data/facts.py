"""Lists that come with the package: official splits, class ids and names of data sets."""

import csv
import importlib.resources

_FOLDER = "facts"


def lines_of(package: str, name: str) -> tuple[str, ...]:
    """The lines of a list of a data set, without empty ones and comments.

    Args:
        package: of the data set, such as `ban_tf.data.scannet`.
        name: of the file in its folder of facts.
    """
    file = importlib.resources.files(package) / _FOLDER / name
    return tuple(
        line for line in file.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    )


def rows_of(package: str, name: str) -> list[dict[str, str]]:
    """The rows of a table of a data set, by the names in its first line; fields end at tabs."""
    return list(csv.DictReader(lines_of(package, name), delimiter="\t"))
