"""Tables as lines of text and in Markdown: rows of cells, a heading first."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

# those that no terminal should obey and no table can hold: controls, lone surrogates (bytes that are no UTF-8), line
# and paragraph separators; of the invisible ones those that turn the text around
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
_TURNING = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def printable(text: str) -> str:
    """Returns the text on one line that a terminal shows and does not obey: `\\n`, `\\x1b`, `\\xff`, `\\u202e`."""
    return "".join(_escaped(sign) if _is_unprintable(sign) else sign for sign in text)


def file_text(path: Path | str) -> str:
    """Returns a file's name as `printable` text from which it can be told again: backslashes of its own are doubled."""
    return printable(str(path).replace("\\", "\\\\"))


def _is_unprintable(sign: str) -> bool:
    return unicodedata.category(sign) in _UNPRINTABLE or sign in _TURNING


def _escaped(sign: str) -> str:
    number = ord(sign)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(sign)
    return named or (f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}")


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
