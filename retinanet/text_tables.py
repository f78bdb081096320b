"""Tables as lines of text and in Markdown: rows of cells, a heading first."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Returns a line a row: the first column left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(aligned_row(row, widths, words=1) for row in rows)


def aligned_row(cells: Sequence[str], widths: Sequence[int], words: int) -> str:
    """Returns one line.

    Args:
        cells: of the row.
        widths: of the columns, in characters.
        words: so many columns stand left, the others right.
    """
    return "  ".join(
        cell.ljust(width) if column < words else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown, numbers right."""
    heading, *body = ("| " + " | ".join(row) + " |" for row in rows)
    rule = "|---" + "|---:" * (len(rows[0]) - 1) + "|"
    return "\n".join([heading, rule, *body]) + "\n"
