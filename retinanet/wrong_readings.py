"""Photos that were read wrong, put together for the next round of labelling."""

import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from deploy.recognition.errors import UserError
from deploy.recognition.photo_files import read_photo
from retinanet.failure_pictures import write_failure
from retinanet.label_studio_tasks import write_tasks
from retinanet.recognition_rate import Outcome
from retinanet.result_files import write_text

PHOTOS, PICTURES = "photos", "pictures"
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; color: #222; }
.photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1rem; }
.photo { border: 1px solid #ccc; border-radius: 6px; padding: .6rem; }
img { max-width: 100%; max-height: 360px; display: block; margin: 0 auto .4rem; }
.text { font: 600 20px/1.5 ui-monospace, monospace; }
.text span { display: inline-block; width: 4rem; font: 14px system-ui, sans-serif; color: #666; }
small { color: #666; overflow-wrap: anywhere; }
"""


def write_wrong_readings(folder: Path, outcomes: Sequence[Outcome]) -> int:
    """Writes the photos that were read wrong; returns how many.

    `photos/` holds copies of them, `index.html` shows what was read and what is right, and `tasks.json`,
    `tasks_stage2.json` with `tasks_crops/` are pre-annotated tasks for Label Studio.

    Args:
        folder: made where it is missing; files of the same names are replaced.
        outcomes: of all photos.

    Raises:
        UserError: a file cannot be read or written, or two photos have the same name.
    """
    wrong = [outcome for outcome in outcomes if not outcome.text_right]
    copies = []
    for outcome in wrong:
        copy = folder / PHOTOS / outcome.photo.path.name
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(outcome.photo.path, copy)
        except OSError as error:
            raise UserError(f"{copy}: cannot be written: {error.strerror or error}") from error
        copies.append((copy, outcome.recognition))
    write_tasks(folder / "tasks.json", copies)
    parts = []
    for outcome in sorted(wrong, key=lambda outcome: -outcome.recognition.confidence):
        path = outcome.photo.path
        pictures = write_failure(folder / PICTURES, path.name, read_photo(path), outcome.recognition)
        parts.append(_entry(outcome, pictures))
    write_text(folder / "index.html", _page(len(wrong), len(outcomes), parts))
    return len(wrong)


def _page(wrong: int, count: int, entries: Sequence[str]) -> str:
    title = f"{wrong} of {count} photos read wrong"
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>The most confident first.</p><div class='photos'>{''.join(entries)}</div></html>\n"
    )


def _entry(outcome: Outcome, pictures: Sequence[str]) -> str:
    read = outcome.recognition.text or outcome.recognition.reason
    images = "".join(f"<img src='{PICTURES}/{quote(name)}' alt='{escape(name, quote=True)}'>" for name in pictures)
    return (
        f"<div class='photo'>{images}<div class='text'><span>read</span>{escape(read)}</div>"
        f"<div class='text'><span>right</span>{escape(' or '.join(outcome.photo.readings))}</div>"
        f"<small>{escape(outcome.photo.path.name)}, {outcome.recognition.confidence:.0%} sure</small></div>"
    )
