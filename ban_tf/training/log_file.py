"""log.csv of a run: a header, and a row of numbers for every epoch."""

import re
from pathlib import Path

SCORE = "val_"  # begins the names of the columns of held-out scores
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*(e[+-]?\d+)?|nan|inf)")  # as `%g` writes it
_WAY_OUT = "Restore the file, or move it away to go on without its rows."


def read(path: Path, columns: tuple[str, ...] | None = None, epochs_done: int = 0) -> list[str]:
    """The rows of a log, checked line by line; none if there is no file.

    Args:
        path: the file; its first row may be of any epoch, each other one of the next.
        columns: what the header must name, `epoch` first; None accepts any that begin so.
        epochs_done: epochs that the log must have rows of, if it has any.

    Raises:
        ValueError: the file is cut or garbled; the message names the line.

    Example:
        >>> import pathlib, tempfile
        >>> from ban_tf.training import log_file
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
        >>> _ = path.write_text("epoch,loss\\n1,0.5\\n2,0.25\\n")
        >>> log_file.read(path, ("epoch", "loss"), epochs_done=2)
        ['1,0.5', '2,0.25']
    """
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    header = lines[0].split(",")
    if header[0] != "epoch" or (columns is not None and header != [*columns]):
        _refuse(path, 1, lines[0])
    *rows, end = lines[1:] or [""]
    for number, row in enumerate(rows, start=2):
        before = rows[number - 3] if number > 2 else None
        if not _is_row(row, header, before):
            _refuse(path, number, row)
    if end or len(lines) == 1:
        _refuse(path, len(lines), end or lines[0])
    last = int(rows[-1].split(",")[0]) if rows else 0
    if last < epochs_done:
        raise ValueError(
            f"{path}:{len(lines)} is missing: {epochs_done} epochs are done, and the log ends with "
            f"epoch {last}. {_WAY_OUT}"
        )
    return rows


def _is_row(row: str, header: list[str], before: str | None) -> bool:
    """Whether a row holds the epoch after that of the row before, and a number per column.

    Columns of scores are empty in epochs that were not scored.
    """
    epoch, *values = row.split(",")
    if not (epoch.isascii() and epoch.isdecimal()) or len(values) != len(header) - 1:
        return False
    if before is not None and int(epoch) != int(before.split(",")[0]) + 1:
        return False
    return all(
        _NUMBER.fullmatch(value) or (not value and name.startswith(SCORE))
        for name, value in zip(header[1:], values, strict=True)
    )


def _refuse(path: Path, number: int, line: str) -> None:
    raise ValueError(f"{path}:{number} is cut or garbled: {line[:80]!r}. {_WAY_OUT}")
