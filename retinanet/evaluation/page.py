"""The evaluation as one HTML page: tables, charts, the confusion of digits, and the failures as pictures."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from retinanet.evaluation.charts import draw_reliability, draw_risk_coverage
from retinanet.evaluation.failure_causes import cause
from retinanet.evaluation.failure_page import failure_card, failure_cards, html_page
from retinanet.evaluation.outcomes import WITHOUT_METER, Outcome
from retinanet.evaluation.tables import all_tables, confidences, confusion, integer_confidences
from retinanet.evaluation.text import MISSING, align
from retinanet.files import write_json, write_text

FAILURES_FOLDER = "failures"
_DIGITS = (*"0123456789", MISSING)


def write_report(folder: Path, outcomes: Sequence[Outcome]) -> Path:
    """Writes `index.html`, `results.json`, and for whole texts and for the digits before the comma the charts
    `risk_coverage.png`, `risk_coverage_integer.png`, `reliability.png`, `reliability_integer.png`.

    Args:
        folder: made where it is missing; the failures' pictures are expected in FAILURES_FOLDER below it.
        outcomes: of every photo.

    Returns:
        The path of the page.

    Raises:
        UserError: a file cannot be written.
    """
    write_json(folder / "results.json", [outcome.to_dict() for outcome in outcomes])
    metered = [outcome for outcome in outcomes if outcome.right]
    names = dict.fromkeys(outcome.source for outcome in metered)
    charts = []
    for ending, answers, what in (("", confidences, "texts"), ("_integer", integer_confidences, "integer parts")):
        if not metered:
            break
        sets = {name: answers([outcome for outcome in metered if outcome.source == name]) for name in names}
        charts += [f"risk_coverage{ending}.png", f"reliability{ending}.png"]
        draw_risk_coverage(folder / charts[-2], sets, what)
        answered = [outcome for outcome in metered if outcome.recognition.success]
        draw_reliability(folder / charts[-1], {f"{len(answered)} {what}": answers(answered)})
    write_text(folder / "index.html", page(outcomes, charts))
    return folder / "index.html"


def page(outcomes: Sequence[Outcome], charts: Sequence[str]) -> str:
    """Returns the page; the failures come worst first, that is the most confident first.

    Args:
        outcomes: of every photo.
        charts: pictures to show, relative to the page.
    """
    failures = sorted(
        (outcome for outcome in outcomes if not outcome.text_right),
        key=lambda outcome: (-outcome.recognition.confidence, outcome.source, outcome.name, outcome.turns),
    )
    causes = Counter(cause(outcome) for outcome in failures).most_common()
    parts = [f"<h2>{escape(title)}</h2>{_table(columns, rows)}" for title, columns, rows in all_tables(outcomes)]
    parts += [f"<img src='{escape(chart)}' alt='{escape(chart)}'>" for chart in charts]
    parts.append(f"<h2>Confusion of digits</h2>{_confusion(outcomes)}")
    parts.append(f"<h2>{len(failures)} failures by cause</h2>")
    parts.append(_table(("cause", "views"), [(name, str(count)) for name, count in causes]))
    parts.append("<h2>Failures, the most confident first</h2>")
    parts.append("<p>Green: the window that was found, a dot on its first corner. Blue: the labelled one.</p>")
    parts.append(failure_cards([_failure(outcome) for outcome in failures]))
    return html_page("Evaluation", parts)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _confusion(outcomes: Sequence[Outcome]) -> str:
    """Returns the table of right digits (rows) and what was read (columns); wrong ones are shaded by their share."""
    counts = confusion(outcomes)
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


def _failure(outcome: Outcome) -> str:
    found = outcome.recognition
    nothing = "no meter" if outcome.source == WITHOUT_METER else "nothing that can be read"
    right = " or ".join(outcome.right[:4]) or nothing
    facts = [f"{found.confidence:.0%} sure", cause(outcome)]
    if outcome.right:
        facts.append(f"overlap {outcome.window.iou:.2f}")
    others = ", ".join(f"{text} {share:.0%}" for text, share in found.alternatives[1:])
    if others:
        facts.append(f"or {others}")
    notes = ("; ".join(facts), f"{outcome.source} {outcome.name}, turned {90 * outcome.turns} degrees")
    return failure_card(
        FAILURES_FOLDER, outcome.pictures, _marked(found.text or found.reason, outcome.right), right, notes
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
