"""Sheets of samples with their labels drawn, to see at a glance that a source was understood."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from deploy.recognition.classes import FRACTION_CLASS
from deploy.recognition.errors import UserError
from retinanet.datasets.source_photos import decode_picture
from retinanet.datasets.stored_examples import Example, Record, examples_of

COLUMNS = 6
SAMPLES = 24
WINDOW_COLOUR = (0, 255, 0)
FIRST_CORNER_COLOUR = (255, 0, 255)
BOX_COLOUR = (255, 220, 0)
FRACTION_COLOUR = (0, 200, 255)


def draw_stage1(example: Example, size: tuple[int, int]) -> np.ndarray:
    """Returns the stored photo at size (width, height): windows, their class, and a dot on the first corner.

    The side from the first corner to the second, the top of the reading, is drawn thicker.
    """
    tile = _decoded(example, size)
    for box, label in zip(example.boxes, example.labels, strict=True):
        corners = np.round(box[4:].reshape(4, 2)[:, ::-1] * size).astype(int)
        cv2.polylines(tile, [corners], True, WINDOW_COLOUR, 1, cv2.LINE_AA)
        cv2.line(tile, tuple(corners[0].tolist()), tuple(corners[1].tolist()), WINDOW_COLOUR, 2, cv2.LINE_AA)
        cv2.circle(tile, tuple(corners[0].tolist()), 3, FIRST_CORNER_COLOUR, -1, cv2.LINE_AA)
        _write(tile, label, (int(corners[:, 0].min()), int(corners[:, 1].min()) - 4), WINDOW_COLOUR)
    return tile


def draw_stage2(example: Example, size: tuple[int, int]) -> np.ndarray:
    """Returns the stored crop at size (width, height), each box with its label."""
    tile = _decoded(example, size)
    for (top, left, bottom, right), label in zip(example.boxes, example.labels, strict=True):
        first = (round(float(left) * size[0]), round(float(top) * size[1]))
        last = (round(float(right) * size[0]), round(float(bottom) * size[1]))
        colour = FRACTION_COLOUR if label == FRACTION_CLASS else BOX_COLOUR
        cv2.rectangle(tile, first, last, colour, 1)
        place = (last[0] - 36, last[1] - 3) if label == FRACTION_CLASS else (first[0] + 1, first[1] + 11)
        _write(tile, label, place, colour)
    return tile


# how a tile is drawn, and its (width, height)
_TILES = {1: (draw_stage1, (320, 320)), 2: (draw_stage2, (320, 160))}


def write_samples(records: Sequence[Record], stage: int, path: Path, *, seed: int = 0, variants: int = 1) -> None:
    """Writes a sheet of 24 records, chosen at random, as the dataset of the stage would hold them.

    Raises:
        UserError: no record gives an example of the stage or the file cannot be written.
    """
    random = np.random.default_rng(seed)
    examples: list[Example] = []
    for index in random.permutation(len(records)):
        made = examples_of(records[index], stage, variants, seed)
        # One of the variants, so that the sheet shows as many photos as it has places.
        examples += [made[int(random.integers(len(made)))]] if made else []
        if len(examples) == SAMPLES:
            break
    write_sheet(examples, stage, path)


def write_sheet(examples: Sequence[Example], stage: int, path: Path) -> None:
    """Writes the examples side by side as one picture.

    Raises:
        UserError: there are no examples, or the file cannot be written.
    """
    if not examples:
        raise UserError(f"{path}: nothing to show, there are no examples")
    draw, size = _TILES[stage]
    tiles = [draw(example, size) for example in examples]
    columns = min(COLUMNS, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    sheet = np.vstack([np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot be made ({error.strerror}); give another folder") from error
    if not cv2.haveImageWriter(str(path)) or not cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        raise UserError(f"{path}: cannot be written as a picture; give a name that ends in .png or .jpg")


def _decoded(example: Example, size: tuple[int, int]) -> np.ndarray:
    image = decode_picture(np.frombuffer(example.image, np.uint8))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _write(tile: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    place = (max(place[0], 0), max(place[1], 10))
    cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
