"""`scannetv2-labels.combined.tsv`: from the raw names of objects to ids, columns by their names."""

import csv
import dataclasses
from pathlib import Path

from ban_tf.data.reading import Problem
from ban_tf.data.scannet.classes import UNANNOTATED

NAMES = ("scannetv2-labels.combined.tsv", "scannet-labels.combined.tsv")  # of v2, and of v1
_RAW = ("raw_category", "category")  # the column of raw names; v1 has files with the second alone


@dataclasses.dataclass(frozen=True)
class LabelMap:
    """What the label map says of one column of ids.

    Args:
        path: the file.
        ids: from raw names to ids, 0 where the row has none.
        problems: rows that could not be used.
    """

    path: Path
    ids: dict[str, int]
    problems: tuple[Problem, ...]


def read(path: Path, column: str) -> LabelMap:
    """Reads the label map.

    Rows end in empty fields, and some lack an id (such as row 203 of v2, which has no `nyu40id`):
    objects of these names have no class.

    Args:
        path: the TSV file, of v1 or v2.
        column: of the ids, by its name in the first line.

    Raises:
        ValueError: no such column, or it is no text.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / NAMES[0]
        >>> _ = path.write_text("id\\traw_category\\tnyu40id\\n2\\tchair\\t5\\n203\\tfan\\t\\n")
        >>> found = read(path, "nyu40id")
        >>> found.ids, [problem.line for problem in found.problems]
        ({'chair': 5, 'fan': 0}, [3])
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8 with tabs between its fields.") from error
    rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    header = next(rows, [])
    raw = next((name for name in _RAW if name in header), None)
    if raw is None or column not in header:
        raise ValueError(
            f"{path} must have the columns {' or '.join(_RAW)} and {column}, with tabs between; "
            "download the label map of ScanNetV2 again. "
            f"Received: {', '.join(header)[:200] or 'nothing'}"
        )
    ids: dict[str, int] = {}
    problems = []
    for number, row in enumerate(rows, start=2):
        if not any(row):
            continue
        values = dict(zip(header, row, strict=False))
        name, value = values.get(raw, ""), values.get(column, "").strip()
        if not value.isdecimal():
            shown = f"has {column} {value!r}" if value else f"has no {column}"
            problems.append(
                Problem(path, number, f"{name!r} {shown}; objects of this name have no class")
            )
        ids.setdefault(name, int(value) if value.isdecimal() else UNANNOTATED)
    return LabelMap(path, ids, tuple(problems))
