"""Text that others chose, names of files above all, as terminals, tables and files can hold it."""

import json
import unicodedata
from pathlib import Path

# those that no terminal should obey and no table can hold: controls, lone surrogates (bytes that are no UTF-8), line
# and paragraph separators; of the invisible ones those that turn the text around
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
_BEGINNINGS_OF_FORMULAS = ("=", "+", "-", "@", "'")
_TURNING = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def printable(text: str) -> str:
    """Returns the text on one line that a terminal shows and does not obey: `\\n`, `\\x1b`, `\\xff`, `\\u202e`."""
    return "".join(_escaped(sign) if _is_unprintable(sign) else sign for sign in text)


def file_text(path: Path | str) -> str:
    """Returns a file's name as `printable` text from which it can be told again: backslashes of its own are doubled."""
    return printable(str(path).replace("\\", "\\\\"))


def json_text(values: object, indent: int | None = None) -> str:
    """Returns plain values as JSON whose text is `printable`; what it escapes, every reader of JSON gives back."""
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    return "".join(f"\\u{ord(sign):04x}" if sign != "\n" and _is_unprintable(sign) else sign for sign in text)


def cell_text(text: str) -> str:
    """Returns `printable` text for a cell of CSV: spreadsheets take it for text, not for a formula to be run."""
    text = printable(text)
    # the apostrophe, too, so that one more tells what was there
    return f"'{text}" if text.startswith(_BEGINNINGS_OF_FORMULAS) else text


def _is_unprintable(sign: str) -> bool:
    return unicodedata.category(sign) in _UNPRINTABLE or sign in _TURNING


def _escaped(sign: str) -> str:
    number = ord(sign)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(sign)
    return named or (f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}")
