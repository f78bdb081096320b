"""The measurements as a picture: a bar for each contender, made of its stages."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from retinanet.benchmark import steps
from retinanet.benchmark.measurement import Measurement
from retinanet.evaluation.charts import FINER, GRID, GROUND, INK, chart_font
from retinanet.files import write_png

WIDTH = 900
# pixels: where bars begin and where they end at the latest, the height of a contender's row and of its bar
LEFT, RIGHT, ROW, BAR = 170, 830, 46, 26
TOP, BOTTOM = 104, 46
# the palette of M. Okabe and K. Ito, which colour-blind people can tell apart, with two greys
COLOURS = {
    steps.DECODE: (190, 190, 190),
    steps.RESIZE: (86, 180, 233),
    steps.FIRST_LOOK: (0, 114, 178),
    steps.SECOND_LOOK: (0, 158, 115),
    steps.RECTIFY: (204, 121, 167),
    steps.STAGE2: (213, 94, 0),
    steps.READING: (230, 159, 0),
    steps.FIND_TEXT: (110, 110, 110),
    steps.READ_TEXT: (70, 70, 70),
}
# steps of the axis in milliseconds; as many as fit
STEPS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
MOST_STEPS = 10


def axis(lengths: Sequence[float]) -> tuple[float, int]:
    """Returns the axis' end and its step, both in milliseconds, for bars of these lengths.

    A bar more than twice as long as all others (RapidOCR's) is cut off rather than making theirs too short to read.
    """
    *others, longest = sorted(lengths)
    end = longest if not others or longest <= 2 * others[-1] else 1.4 * others[-1]
    step = next((step for step in STEPS if end / step <= MOST_STEPS), STEPS[-1])
    return end, step


def draw_bars(path: Path, measurements: Sequence[Measurement]) -> None:
    """Draws the median of each stage, decoding of the file first; the number is the whole without decoding.

    Args:
        path: of the PNG.
        measurements: of each contender.

    Raises:
        UserError: it cannot be written.
    """
    height = TOP + ROW * len(measurements) + BOTTOM
    image = Image.new("RGB", (WIDTH * FINER, height * FINER), GROUND)
    pen = ImageDraw.Draw(image)

    def write(x: float, y: float, text: str, size: int, anchor: str, bold: bool = False) -> None:
        pen.text((x * FINER, y * FINER), text, fill=INK, font=chart_font(size * FINER, bold), anchor=anchor)

    def fill(left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]) -> None:
        pen.rectangle([round(value * FINER) for value in (left, top, right, bottom)], fill=colour)

    medians = [{stage: one.median(stage) for stage in steps.STEPS} for one in measurements]
    end, step = axis([sum(one.values()) for one in medians])
    scale = (RIGHT - LEFT) / end
    write(24, 14, "Milliseconds a photo, median", 17, "la", bold=True)
    _draw_key(write, fill, [stage for stage in steps.STEPS if any(one[stage] for one in medians)])
    for tick in range(0, int(end) + 1, step):
        x = LEFT + tick * scale
        fill(x, TOP - 6, x + 1, height - BOTTOM + 4, GRID)
        write(x, height - BOTTOM + 8, str(tick), 12, "ma")
    write((LEFT + RIGHT) / 2, height - 6, "milliseconds", 12, "md")
    for row, (measurement, times) in enumerate(zip(measurements, medians, strict=True)):
        top = TOP + ROW * row + (ROW - BAR) / 2
        write(LEFT - 10, top + BAR / 2, measurement.name, 13, "rm")
        x = LEFT
        for stage, milliseconds in times.items():
            right = min(x + milliseconds * scale, RIGHT)
            if right > x:
                fill(x, top, right, top + BAR, COLOURS[stage])
            x = right
        cut = sum(times.values()) > end
        if cut:
            # two white strokes: the bar goes on
            for stroke in (RIGHT - 26, RIGHT - 18):
                fill(stroke, top, stroke + 4, top + BAR, GROUND)
        write(x + 8, top + BAR / 2, f"{measurement.median(steps.TOTAL):.0f}", 13, "lm", bold=True)
    write_png(path, image.resize((WIDTH, height), Image.Resampling.LANCZOS))


def _draw_key(write, fill, present: Sequence[str]) -> None:
    """Names the colours, in two lines above the bars, and says what the numbers are."""
    x, y = 24.0, 44
    for stage in present:
        width = 22 + chart_font(13).getlength(stage) + 18
        if x + width > WIDTH - 24:
            x, y = 24.0, y + 22
        fill(x, y, x + 14, y + 14, COLOURS[stage])
        write(x + 20, y + 7, stage, 13, "lm")
        x += width
    write(WIDTH - 24, 18, "bold: the whole, without decoding the file", 12, "ra")
