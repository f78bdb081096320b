"""The evaluation as one HTML page: tables, charts, the confusion of digits, and the failures as pictures."""

import json
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet.charts import draw_reliability, draw_risk_coverage
from retinanet.evaluation import NO_METER, Result
from retinanet.evaluation_report import all_tables, confidences, confusion
from retinanet.failure_causes import cause
from retinanet.scoring import MISSING, align

FAILURES_FOLDER = "failures"

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
_DIGITS = (*"0123456789", MISSING)


def write_report(folder: Path, results: Sequence[Result]) -> Path:
    """Writes `index.html`, `results.json`, `risk_coverage.png` and `reliability.png`.

    Args:
        folder: made where it is missing; the failures' pictures are expected in FAILURES_FOLDER below it.
        results: of every photo.

    Returns:
        The path of the page.

    Raises:
        UserError: a file cannot be written.
    """
    _write(folder / "results.json", json.dumps([result.to_dict() for result in results], indent=1))
    metered = [result for result in results if result.source != NO_METER]
    names = dict.fromkeys(result.source for result in metered)
    sets = {name: confidences([result for result in metered if result.source == name]) for name in names}
    charts = []
    if metered:
        draw_risk_coverage(folder / "risk_coverage.png", sets)
        answered = [result for result in metered if result.recognition.success]
        draw_reliability(folder / "reliability.png", {f"{len(answered)} answers": confidences(answered)})
        charts = ["risk_coverage.png", "reliability.png"]
    _write(folder / "index.html", page(results, charts))
    return folder / "index.html"


def page(results: Sequence[Result], charts: Sequence[str]) -> str:
    """Returns the page; the failures come worst first, that is the most confident first.

    Args:
        results: of every photo.
        charts: pictures to show, relative to the page.
    """
    failures = sorted(
        (result for result in results if not result.text_right),
        key=lambda result: (-result.recognition.confidence, result.source, result.name, result.turns),
    )
    causes = Counter(cause(result) for result in failures).most_common()
    parts = ["<!doctype html><html lang='en'><meta charset='utf-8'><title>Evaluation</title>"]
    parts.append(f"<style>{_STYLE}</style><h1>Evaluation</h1>")
    for title, columns, rows in all_tables(results):
        parts.append(f"<h2>{escape(title)}</h2>{_table(columns, rows)}")
    parts += [f"<img src='{escape(chart)}' alt='{escape(chart)}'>" for chart in charts]
    parts.append(f"<h2>Confusion of digits</h2>{_confusion(results)}")
    parts.append(f"<h2>{len(failures)} failures by cause</h2>")
    parts.append(_table(("cause", "views"), [(name, str(count)) for name, count in causes]))
    parts.append("<h2>Failures, the most confident first</h2>")
    parts.append("<p>Green: the window that was found, a dot on its first corner. Blue: the labelled one.</p>")
    parts.append(f"<div class='failures'>{''.join(map(_failure, failures))}</div>")
    return "\n".join([*parts, "</html>\n"])


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _confusion(results: Sequence[Result]) -> str:
    """Returns the table of right digits (rows) and what was read (columns); wrong ones are shaded by their share."""
    counts = confusion(results)
    rows = []
    for right in _DIGITS:
        total = max(sum(counts[right, read] for read in _DIGITS), 1)
        cells = []
        for read in _DIGITS:
            count = counts[right, read]
            strength = 0 if right == read else min(1.0, 10 * count / total)
            style = f" style='background: rgba(220, 40, 40, {strength:.2f})'" if strength else ""
            cells.append(f"<td{style}>{count or ''}</td>")
        rows.append(f"<tr><td>{right or 'made up'}</td>{''.join(cells)}</tr>")
    head = "".join(f"<th>{read or 'left out'}</th>" for read in _DIGITS)
    return f"<table><tr><th>right \\ read</th>{head}</tr>{''.join(rows)}</table>"


def _failure(result: Result) -> str:
    found = result.recognition
    pictures = "".join(f"<img loading='lazy' src='{escape(f'{FAILURES_FOLDER}/{name}')}'>" for name in result.pictures)
    right = " or ".join(result.right[:4]) or "no meter"
    facts = [f"{found.confidence:.0%} sure", cause(result)]
    if result.right:
        facts.append(f"overlap {result.iou:.2f}")
    others = ", ".join(f"{text} {share:.0%}" for text, share in found.alternatives[1:])
    if others:
        facts.append(f"or {others}")
    return (
        f"<div class='failure'>{pictures}"
        f"<div class='text'><span>read</span>{_marked(found.text or found.reason, result.right)}</div>"
        f"<div class='text'><span>right</span>{escape(right)}</div>"
        f"<small>{escape('; '.join(facts))}<br>{escape(result.source)} {escape(result.name)}, "
        f"turned {90 * result.turns} degrees</small></div>"
    )


def _marked(text: str, readings: Sequence[str]) -> str:
    """Returns the text with the digits marked that differ from the first labelled reading of digits."""
    if not readings or not text[:1].isdecimal() or not readings[0].replace(",", "").replace("?", "0").isdecimal():
        return escape(text)
    marked = []
    for right, read in align(readings[0].replace(",", ""), text.replace(",", "")):
        marked.append(read if right in ("?", read) else f"<mark>{read or '&nbsp;'}</mark>")
    comma = text.find(",")
    if comma >= 0:
        # the comma goes behind the digit that it stands behind in the text
        seen = 0
        for place, read in enumerate(marked):
            seen += "&nbsp;" not in read
            if seen == comma:
                marked.insert(place + 1, ",")
                break
    return "".join(marked)
