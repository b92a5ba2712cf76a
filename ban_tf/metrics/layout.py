"""A table of finished cells, laid out for a terminal or as Markdown."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells that are already text.

    Attributes:
        title: heading, one line.
        header: names of the columns.
        num_labels: how many columns, from the left, are text; the others are numbers.
        rows: the lines.
        num_published: how many rows, from the top, are the paper's; a rule follows them.
        notes: sentences below the table.

    Example:
        >>> scores = Table("Scores", ("Method", "mCov"), 1, (("BAN", "52.1"),), notes=("Mean.",))
        >>> print(scores.text())
        Scores
        ------------
        Method  mCov
        ------------
        BAN     52.1
        ------------
        Mean.
    """

    title: str
    header: tuple[str, ...]
    num_labels: int
    rows: tuple[tuple[str, ...], ...]
    num_published: int = 0
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """For a terminal: aligned columns, a rule between the paper's rows and ours."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]

        def line(cells: tuple[str, ...]) -> str:
            aligned = (
                cell.ljust(width) if index < self.num_labels else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
            )
            return "  ".join(aligned).rstrip()

        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        lines = [self.title, rule, line(self.header), rule]
        lines += map(line, self.rows[: self.num_published])
        lines += [rule] if self.num_published else []
        lines += map(line, self.rows[self.num_published :])
        return "\n".join([*lines, rule, *self.notes])

    def markdown(self) -> str:
        """For a README; our rows beside the paper's are bold."""

        def line(cells: tuple[str, ...]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        ruler = ("---",) * self.num_labels + ("---:",) * (len(self.header) - self.num_labels)
        ours = [
            tuple(f"**{cell}**" if cell and self.num_published else cell for cell in row)
            for row in self.rows[self.num_published :]
        ]
        rows = [*self.rows[: self.num_published], *ours]
        lines = [f"### {self.title}", "", line(self.header), line(ruler), *map(line, rows)]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines)
