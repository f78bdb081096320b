"""A page of failures: for each its pictures, what was read and what is right, side by side on cards."""

import os
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from retinanet.foreign_text import printable

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
td, th { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; }
img { max-width: 100%; height: auto; }
.failures { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1rem; }
.failure { border: 1px solid #ccc; border-radius: 6px; padding: .6rem; }
.failure img { max-height: 360px; display: block; margin: 0 auto .4rem; }
.text { font: 600 20px/1.5 ui-monospace, monospace; }
.text span { display: inline-block; width: 4rem; font: 14px system-ui, sans-serif; color: #666; }
mark { background: #ffc9c9; }
small { color: #666; overflow-wrap: anywhere; }
"""


def html_page(title: str, parts: Sequence[str]) -> str:
    """Returns a whole page with the title as its heading.

    Args:
        title: plain text.
        parts: markup, in its order.
    """
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
    return "\n".join([head, f"<style>{_STYLE}</style><h1>{escape(title)}</h1>", *parts, "</html>\n"])


def failure_cards(cards: Sequence[str]) -> str:
    """Returns the markup of cards in as many columns as there is room for."""
    return f"<div class='failures'>{''.join(cards)}</div>"


def failure_card(folder: str, pictures: Sequence[str], read: str, right: str, notes: Sequence[str]) -> str:
    """Returns the markup of one failure.

    Args:
        folder: of the pictures, relative to the page.
        pictures: their file names.
        read: what was read, as markup.
        right: what is right, plain text.
        notes: lines below, plain text.
    """
    sources = {name: quote(os.fsencode(f"{folder}/{name}")) for name in pictures}
    images = "".join(
        f"<img loading='lazy' src='{source}' alt='{escape(printable(name))}'>" for name, source in sources.items()
    )
    return (
        f"<div class='failure'>{images}<div class='text'><span>read</span>{read}</div>"
        f"<div class='text'><span>right</span>{escape(right)}</div>"
        f"<small>{'<br>'.join(escape(printable(note)) for note in notes)}</small></div>"
    )
