"""Pictures of what was read wrong: the photo with both windows outlined, and the window enlarged."""

from pathlib import Path

import cv2
import numpy as np

from deploy.recognition.drawing import annotate
from deploy.recognition.geometry import expand_corners, natural_size
from deploy.recognition.photo_files import write_jpeg
from deploy.recognition.recognition import Recognition
from deploy.recognition.rectification import rectify_window
from deploy.recognition.settings import WINDOW_MARGIN
from retinanet.evaluation.outcomes import Draw, Outcome

PHOTO_SIDE = 640
WINDOW_HEIGHT = 96
MAX_WINDOW_WIDTH = 900
LABELLED_COLOUR = (60, 140, 255)


def failures_into(folder: Path) -> Draw:
    """Returns what draws outcomes as `write_failure` does, into this folder, under names of their own."""

    def draw(
        outcome: Outcome, photo: np.ndarray, outline: np.ndarray | None, corners: np.ndarray | None
    ) -> tuple[str, ...]:
        stem = (
            f"{outcome.source}_{90 * outcome.turns}_{Path(outcome.name).with_suffix('').as_posix().replace('/', '_')}"
        )
        return write_failure(folder, stem, photo, outcome.recognition, outline, corners)

    return draw


def write_failure(
    folder: Path,
    stem: str,
    photo: np.ndarray,
    recognition: Recognition,
    outline: np.ndarray | None = None,
    corners: np.ndarray | None = None,
) -> tuple[str, ...]:
    """Writes `STEM.jpg`, the photo with what was found and, in blue, the labelled outline, and `STEM_window.jpg`.

    The second shows the window that was found, or the labelled one where none was; it is missing without both.

    Args:
        folder: made where it is missing.
        stem: of the files' names.
        photo: uint8 RGB (height, width, 3).
        recognition: what was read on it.
        outline: (n, 2) points of the labelled window, x, y in pixels.
        corners: (4, 2) corners of the labelled window.

    Returns:
        The files' names.

    Raises:
        UserError: a file cannot be written.
    """
    picture = annotate(photo, recognition)
    if outline is not None:
        thickness = max(1, round(max(photo.shape[:2]) / 500))
        points = np.round(outline).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(picture, [points], True, LABELLED_COLOUR, thickness, cv2.LINE_AA)
    scale = min(1.0, PHOTO_SIDE / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    pictures = {f"{stem}.jpg": cv2.resize(picture, size, interpolation=cv2.INTER_AREA)}
    shown = corners if recognition.corners is None else recognition.corners
    if shown is not None:
        height, width = natural_size(shown, WINDOW_HEIGHT)
        grown = expand_corners(shown, *WINDOW_MARGIN)
        pictures[f"{stem}_window.jpg"] = rectify_window(photo, grown, (height, min(width, MAX_WINDOW_WIDTH)))
    for name, pixels in pictures.items():
        write_jpeg(folder / name, pixels)
    return tuple(pictures)
