"""Photos that were read wrong, put together for the next round of labelling."""

import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path

from deploy.recognition.errors import UserError
from deploy.recognition.photo_files import read_photo
from retinanet.datasets.label_studio.tasks import names_below, write_tasks
from retinanet.evaluation.failure_page import failure_card, failure_cards, html_page
from retinanet.evaluation.failure_pictures import write_failure
from retinanet.evaluation.outcomes import Outcome
from retinanet.files import write_text

PHOTOS, PICTURES = "photos", "pictures"


def write_wrong_readings(folder: Path, outcomes: Sequence[Outcome]) -> int:
    """Writes the photos that were read wrong; returns how many.

    `photos/` holds copies of them, `index.html` shows what was read and what is right, and `tasks.json`,
    `tasks_stage2.json` with `tasks_crops/` are pre-annotated tasks for Label Studio.

    Args:
        folder: made where it is missing; files of the same names are replaced.
        outcomes: of all photos, named by their paths.

    Raises:
        UserError: a file cannot be read or written, or a photo is given twice.
    """
    wrong = [outcome for outcome in outcomes if not outcome.text_right]
    copies = []
    names = names_below([Path(outcome.name) for outcome in wrong])
    for outcome, name in zip(wrong, names, strict=True):
        photo = Path(outcome.name)
        copy = folder / PHOTOS / name
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo, copy)
        except OSError as error:
            raise UserError(f"{copy}: cannot be written: {error.strerror or error}") from error
        copies.append((copy, outcome.recognition))
    write_tasks(folder / "tasks.json", copies)
    cards = []
    for outcome, name in sorted(zip(wrong, names, strict=True), key=lambda pair: -pair[0].recognition.confidence):
        pixels = read_photo(outcome.name)
        pictures = write_failure(folder / PICTURES, str(name), pixels, outcome.recognition)
        cards.append(_card(outcome, pictures))
    title = f"{len(wrong)} of {len(outcomes)} photos read wrong"
    page = html_page(title, ["<p>The most confident first.</p>", failure_cards(cards)])
    write_text(folder / "index.html", page)
    return len(wrong)


def _card(outcome: Outcome, pictures: Sequence[str]) -> str:
    read = escape(outcome.recognition.text or outcome.recognition.reason)
    note = f"{Path(outcome.name).name}, {outcome.recognition.confidence:.0%} sure"
    return failure_card(PICTURES, pictures, read, " or ".join(outcome.right), [note])
