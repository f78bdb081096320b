"""Confusion matrices as one picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from retinanet.evaluation.charts import GRID, GROUND, INK, chart_font
from retinanet.files import write_png

CELL = (112, 76)
LEFT, TOP, GAP = 170, 118, 28
PALE, FULL = (120, 124, 132), (0, 114, 178)


def draw_matrices(path: Path, matrices: Sequence[tuple[str, np.ndarray]], class_names: Sequence[str]) -> None:
    """Writes matrices side by side as PNG: labelled classes down, found ones across, `nothing` last.

    A cell shows its number of cases and is the darker the larger its share of its row.

    Args:
        path: of the PNG.
        matrices: titles with confusion matrices (n + 1, n + 1).
        class_names: n.

    Raises:
        UserError: it cannot be written.
    """
    names = [*(name.replace("_", "\n") for name in class_names), "nothing"]
    width = LEFT + CELL[0] * len(names) + GAP
    image = Image.new("RGB", (width * len(matrices), TOP + CELL[1] * len(names) + GAP), GROUND)
    pen = ImageDraw.Draw(image)
    for index, (title, matrix) in enumerate(matrices):
        _draw(pen, index * width, title, matrix, names)
    write_png(path, image)


def _draw(pen: ImageDraw.ImageDraw, left: int, title: str, matrix: np.ndarray, names: Sequence[str]) -> None:
    middle = left + LEFT + CELL[0] * len(names) / 2
    pen.text((middle, 16), title, INK, chart_font(20, bold=True), anchor="ma")
    pen.text((middle, 46), "found", PALE, chart_font(15), anchor="ma")
    pen.text((left + 20, TOP - 14), "labelled", PALE, chart_font(15), anchor="ld")
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for row, name in enumerate(names):
        y = TOP + CELL[1] * row
        x = left + LEFT + CELL[0] * row
        pen.text((x + CELL[0] / 2, TOP - 10), name, INK, chart_font(15), anchor="md", align="center")
        pen.text((left + LEFT - 12, y + CELL[1] / 2), name, INK, chart_font(15), anchor="rm", align="right")
        for column in range(len(names)):
            x = left + LEFT + CELL[0] * column
            share = shares[row, column]
            colour = tuple(round(255 + (full - 255) * share) for full in FULL)
            pen.rectangle((x, y, x + CELL[0] - 3, y + CELL[1] - 3), fill=colour, outline=GRID)
            ink = GROUND if share > 0.5 else INK
            place = (x + CELL[0] / 2, y + CELL[1] / 2)
            pen.text(place, str(matrix[row, column]), ink, chart_font(22, bold=row == column), anchor="mm")
