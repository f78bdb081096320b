"""Charts of the confidence: the share of wrong answers over the share accepted, and reliability."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retinanet.datasets.synthetic.fonts import FONTS_FOLDER
from retinanet.evaluation.risk_coverage import reliability, risk_coverage
from retinanet.files import write_png

SIZE = (760, 480)
FRAME = (54, 56, 740, 424)  # left, top, right, bottom
# drawn larger and shrunk, which smooths lines and letters
FINER = 3
INK, GRID, GROUND = (40, 44, 52), (225, 228, 232), (255, 255, 255)
# the palette of M. Okabe and K. Ito, which colour-blind people can tell apart
COLOURS = ((0, 114, 178), (213, 94, 0), (230, 159, 0), (204, 121, 167), (86, 180, 233), (0, 158, 115))
ALL_COLOUR = (0, 0, 0)
AIM_COVERAGE, AIM_RISK = 0.85, 0.01

Answers = tuple[np.ndarray, np.ndarray]


def chart_font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Returns the font of charts, so many pixels large."""
    return ImageFont.truetype(str(FONTS_FOLDER / f"roboto-{700 if bold else 400}.ttf"), size)


class Chart:
    """A frame with axes in per cent and what is drawn into it.

    Args:
        title: stands above the frame.
        labels: of the horizontal and the vertical axis.
        top: the vertical axis' end, as a share; the horizontal one ends at 1.
    """

    def __init__(self, title: str, labels: tuple[str, str], top: float = 1.0) -> None:
        self.top = top
        self.image = Image.new("RGB", (SIZE[0] * FINER, SIZE[1] * FINER), GROUND)
        self.pen = ImageDraw.Draw(self.image)
        left, upper, right, lower = FRAME
        self.write((left, 8), title, 17, bold=True)
        self.write(((left + right) / 2, SIZE[1] - 30), f"{labels[0]}, in per cent", 14, anchor="ma")
        self.write((left, upper - 6), f"{labels[1]}, in per cent", 13, anchor="ld")
        for share in np.linspace(0, 1, 11):
            (x, _), (_, y) = self.place(share, 0), self.place(0, share * top)
            self.polyline([(x, upper), (x, lower)], GRID, 1)
            self.polyline([(left, y), (right, y)], GRID, 1)
            self.write((x, lower + 6), f"{100 * share:.0f}", 12, anchor="ma")
            self.write((left - 8, y), f"{100 * share * top:g}", 12, anchor="rm")
        corners = [(left, upper), (right, upper), (right, lower), (left, lower), (left, upper)]
        self.polyline(corners, INK, 1)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Returns the pixel of a point whose coordinates are shares; above the frame's top it is on its edge."""
        left, upper, right, lower = FRAME
        return left + x * (right - left), lower - min(y / self.top, 1) * (lower - upper)

    def curve(self, x: Iterable[float], y: Iterable[float], colour: tuple[int, int, int], width: float = 2) -> None:
        """Draws a line through points whose coordinates are shares."""
        self.polyline([self.place(*point) for point in zip(x, y, strict=True)], colour, width)

    def dot(self, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
        """Draws a disc on a point whose coordinates are shares."""
        centre_x, centre_y = self.place(x, y)
        edges = (centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius)
        self.pen.ellipse([value * FINER for value in edges], fill=colour)

    def polyline(self, points: Sequence[tuple[float, float]], colour: tuple[int, int, int], width: float) -> None:
        """Draws a line through pixels."""
        flat = [(x * FINER, y * FINER) for x, y in points]
        self.pen.line(flat, fill=colour, width=round(width * FINER), joint="curve")

    def write(
        self, pixel: tuple[float, float], text: str, size: int, anchor: str = "la", bold: bool = False, colour=INK
    ) -> None:
        """Writes a line of text at a pixel; the anchor is Pillow's."""
        font = chart_font(size * FINER, bold)
        self.pen.text((pixel[0] * FINER, pixel[1] * FINER), text, fill=colour, font=font, anchor=anchor)

    def key(self, lines: Sequence[tuple[str, tuple[int, int, int]]]) -> None:
        """Names the curves in the frame's top left."""
        for row, (text, colour) in enumerate(lines):
            x, y = FRAME[0] + 16, FRAME[1] + 20 + 20 * row
            self.polyline([(x, y), (x + 24, y)], colour, 3)
            self.write((x + 32, y), text, 13, anchor="lm")

    def save(self, path: Path) -> None:
        """Writes the picture as PNG.

        Raises:
            UserError: it cannot be written.
        """
        write_png(path, self.image.resize(SIZE, Image.Resampling.LANCZOS))


def draw_risk_coverage(path: Path, sets: Mapping[str, Answers], what: str = "texts") -> None:
    """Draws for each set, and for all together, the share of wrong texts among the most confident answers.

    Dashed lines mark the aim: at most 1 % wrong among the most confident 85 %.

    Args:
        path: of the PNG.
        sets: by name, confidence (n,) and whether each text is right (n,).
        what: is right or wrong, in the plural.

    Raises:
        UserError: it cannot be written.
    """
    curves = {name: risk_coverage(*answers) for name, answers in sets.items() if len(answers[0])}
    everything = tuple(np.concatenate(parts) for parts in zip(*sets.values(), strict=True))
    if len(curves) > 1:
        curves["all sets"] = risk_coverage(*everything)
    highest = max((1 - accuracy[-1] for _, accuracy in curves.values()), default=0)
    top = next(limit for limit in (0.05, 0.1, 0.2, 0.5, 1.0) if highest <= limit)
    chart = Chart(f"Wrong {what} among the answers accepted", ("most confident share of the views", "wrong"), top)
    for start in np.arange(0, 1, 0.02):
        chart.curve((start, start + 0.01), (AIM_RISK, AIM_RISK), INK, 1)
        chart.curve((AIM_COVERAGE, AIM_COVERAGE), (start * top, (start + 0.01) * top), INK, 1)
    lines = []
    for index, (name, (coverage, accuracy)) in enumerate(curves.items()):
        last = name == "all sets"
        colour = ALL_COLOUR if last else COLOURS[index % len(COLOURS)]
        chart.curve(coverage, 1 - accuracy, colour, 3 if last else 2)
        lines.append((f"{name.replace('_', ' ')}, {len(coverage)} views", colour))
    chart.key(lines)
    chart.save(path)


def draw_reliability(path: Path, series: Mapping[str, Answers]) -> None:
    """Draws accuracy over confidence in bins of a tenth; on the diagonal both are the same.

    Args:
        path: of the PNG.
        series: by name, confidence (n,) and whether each answer is right (n,).

    Raises:
        UserError: it cannot be written.
    """
    chart = Chart("Reliability of the confidence", ("confidence", "right"))
    chart.curve((0, 1), (0, 1), INK, 1)
    lines = []
    for index, (name, (confidence, right)) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        bins = reliability(confidence, right)
        chart.curve([part.confidence for part in bins], [part.right for part in bins], colour)
        for part in bins:
            chart.dot(part.confidence, part.right, 3 + 14 * (part.count / len(confidence)) ** 0.5, colour)
        lines.append((name, colour))
    chart.key([*lines, ("larger dots: more answers", GROUND)])
    chart.save(path)
