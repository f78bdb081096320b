"""Counter windows drawn from scratch: rows of number wheels of many makes, with their labels."""

import dataclasses

import numpy as np

from deploy.recognition.classes import FRACTION_CLASS
from retinanet.datasets.records import LabelledBox
from retinanet.datasets.synthetic import displays, makes, odometer
from retinanet.datasets.synthetic.drums import WindowStyle, draw_shading, draw_wheel, random_style, weighted
from retinanet.datasets.synthetic.paint import color_near, upright_box
from retinanet.datasets.synthetic.plates import PLATES, draw_opening, draw_slot, finish_plate, mark_fraction
from retinanet.datasets.synthetic.strips import Strip, colour_fraction_ground, finish_strip, lay_strip

# (wheels, wheels of the fraction): how often.
LAYOUTS = {
    **{(8, 3): 40, (5, 0): 14, (7, 2): 6, (7, 3): 5, (6, 1): 4, (6, 2): 3, (8, 2): 3, (9, 3): 5, (6, 0): 4, (7, 0): 3},
    **{(4, 0): 3, (8, 0): 3, (8, 4): 2, (9, 4): 1, (7, 1): 3, (5, 1): 3, (6, 3): 2, (5, 2): 1, (4, 1): 1, (9, 0): 1},
}

# Of the counters whose wheels all look alike, unframed, so many have no fraction, whatever LAYOUTS says.
PLAIN_WHOLE_SHARE = 0.8

DISPLAY_SHARE = 0.4

# What of a wheel's height at each end its box leaves out.
BOX_INSET = 0.025


@dataclasses.dataclass(frozen=True)
class DrawnWindow:
    """A counter window with a margin of its plate.

    Attributes:
        image: uint8 RGB (height, width, 3), upright; wheels are 56 to 112 pixels high, a display's digits 40 to 80.
        corners: (4, 2) float32, the opening's corners in pixels of the image, from the top-left clockwise.
        boxes: one per wheel, labelled by its digit; `floatp` round the fraction; `point` of a display. A wheel's box
            is about as wide as its digits and as high as the opening, wherever the digits stand; a display's digit has
            one as large as its segments.
        reading: `00595,825`.
        label: `analog` or `digital`.
        phases: turns of each wheel in digits, 0 to 10; a wheel at 3.5 shows 3 and 4 and counts as either: `odometer`.
            Empty for a display.
        plate: (3,) RGB of the plate, 0 to 255.
        meter: `water`, `gas` or `electricity`: the kind of meter that has it.
        strip: (4, 2) float32, corners of the strip that the opening lies in, often with a unit on it; None
            where it lies in the plate.
    """

    image: np.ndarray
    corners: np.ndarray
    boxes: tuple[LabelledBox, ...]
    reading: str
    label: str
    phases: tuple[float, ...]
    plate: np.ndarray
    meter: str = "water"
    strip: np.ndarray | None = None


def draw_window(random: np.random.Generator, digital: bool | None = None) -> DrawnWindow:
    """Returns a random counter window.

    Args:
        random: the only source of chance.
        digital: a display (True), wheels (False), or a display now and then.
    """
    if digital if digital is not None else random.random() < DISPLAY_SHARE:
        image, corners, boxes, reading, plate = displays.draw_display(random)
        return DrawnWindow(image, corners, boxes, reading, "digital", (), plate)
    make = weighted(random.spawn(1)[0], makes.MAKES)
    if make != "water":
        style, (wheels, decimals), strip = makes.random_make(random, make)
        return draw_wheels(random, style, odometer.random_phases(random, wheels), decimals, strip)
    style = random_style(random)
    wheels, decimals = weighted(random, LAYOUTS)
    if decimals and is_plain(style) and random.spawn(1)[0].random() < PLAIN_WHOLE_SHARE:
        decimals = 0
    return draw_wheels(random, style, odometer.random_phases(random, wheels), decimals)


def is_plain(style: WindowStyle) -> bool:
    """Tells whether all wheels look alike, without a frame round any of them."""
    return not style.marks_fraction and np.array_equal(*style.grounds)


def _plate_color(random: np.random.Generator, style: WindowStyle) -> np.ndarray:
    """Returns the RGB of a plate; behind slots it often has the wheels' own color."""
    if style.slots and random.random() < 0.4:
        return np.clip(style.grounds[0] * random.uniform(0.85, 1.2), 0, 250).astype(np.float32)
    return color_near(random, weighted(random, PLATES), random.uniform(0.7, 1.0))


def draw_wheels(
    random: np.random.Generator,
    style: WindowStyle,
    phases: tuple[float, ...],
    decimals: int,
    strip: Strip | None = None,
) -> DrawnWindow:
    """Returns a window of this make whose wheels stand at these phases, the last `decimals` ones as the fraction.

    Without a strip the wheels have an opening in a plate, as on water meters, or one each.
    """
    unit = float(random.uniform(56, 112))
    height, wheels = round(unit), len(phases)
    pitch = style.pitch * unit
    # The fraction often stands a little apart.
    apart = random.uniform(0, 0.35) * pitch if decimals and random.random() < 0.25 else 0.0
    end_gap = 0.0 if style.slots else random.uniform(0.0, 0.18) * pitch
    width = round(pitch * wheels + apart + 2 * end_gap)
    x0, y0 = round(unit * random.uniform(0.5, 1.1)), round(unit * random.uniform(0.45, 0.9))
    plate, x1, y1 = _plate_color(random, style) if strip is None else strip.plate, x0, y0
    if strip is not None:
        x0, y0, x1, y1 = (round(margin * unit) for margin in strip.margins)
    canvas = np.empty((height + y0 + y1, width + x0 + x1, 3), np.float32)
    canvas[:] = plate
    if strip is not None:
        lay_strip(canvas, (x0, y0, x0 + width, y0 + height), strip)
        # as far from the last whole wheel as from the first of the fraction
        middle = x0 + end_gap + pitch * (wheels - decimals) + apart / 2
        if decimals:
            colour_fraction_ground(canvas, (x0, y0, x0 + width, y0 + height), strip, middle)
    elif not style.slots:
        draw_opening(random, canvas, (x0, y0, x0 + width, y0 + height), style)

    # From above or below, the camera sees all wheels a little turned.
    rest = float(np.clip(random.normal(0, 0.05), -0.1, 0.1)) if random.random() < 0.8 else random.uniform(-0.2, 0.2)
    slack = random.uniform(0.0, 0.05) if random.random() < 0.85 else random.uniform(0.05, 0.09)
    slack = slack if strip is None else max(slack, strip.slack)
    depth, contrast = max(1, round(unit * random.uniform(0.01, 0.06))), random.uniform(0.05, 0.6)
    # The last wheel may show through a taller opening, to one side or both.
    taller = np.round(unit * random.uniform(0.03, 0.16, 2) * (random.random(2) < 0.7) * (random.random() < 0.35))
    # from a stream of its own: all else looks the same whoever reads
    reader = random.spawn(1)[0]
    digits = odometer.digits_of(phases, odometer.random_lower_until(reader))
    cell_width = max(6, round(style.cell * unit))
    half = float(np.clip(style.glyph[0] * random.uniform(1.08, 1.2) / style.pitch, 0.6, 0.85)) * pitch / 2
    boxes, cells, shading = [], [], {}
    box_top, box_bottom = y0 + BOX_INSET * height, y0 + (1 - BOX_INSET) * height
    for index, phase in enumerate(odometer.with_play(reader, phases)):
        fraction = index >= wheels - decimals
        middle = x0 + end_gap + pitch * (index + 0.5) + (apart if fraction else 0.0)
        left = round(middle - cell_width / 2)
        above, below = (int(rows) for rows in taller) if index == wheels - 1 else (0, 0)
        size = cell_width, height + above + below
        # The opening's middle shows the phase: a lopsided opening must not turn the wheel.
        lopsided = (below - above) / 2 / (style.step * unit) * (-1 if style.downwards else 1)
        phase += rest + slack * float(np.clip(random.normal(), -1.7, 1.7)) + lopsided
        wheel = draw_wheel(random, style, phase, size, unit, fraction, index == wheels - 1)
        if size not in shading:
            shading[size] = draw_shading(random, style, size)
        top, right = y0 - above, left + cell_width
        if style.slots:
            draw_slot(canvas, (left, top, right, top + size[1]), plate, depth, contrast)
        target = canvas[top : top + size[1], left:right]
        target[:] = (wheel * shading[size][..., None])[:, : target.shape[1]]
        cells.append((left, right))
        face_middle = left + (cell_width - round(style.teeth * unit)) / 2
        if index == wheels - 1 and style.ticks:
            face_middle -= style.tick_reach * cell_width / 2
        boxes.append(upright_box(face_middle - half, box_top, face_middle + half, box_bottom, str(digits[index])))

    left, right = (cells[0][0], cells[-1][1]) if style.slots else (x0, x0 + width)
    opening = left, y0, right, y0 + height
    if decimals:
        boxes.append(upright_box(cells[-decimals][0], box_top, cells[-1][1], box_bottom, FRACTION_CLASS))
    if strip is not None:
        finish_strip(canvas, opening, strip, style, cells, decimals)
    else:
        if decimals:
            mark_fraction(random, canvas, style, cells, decimals, opening[1::2])
        fraction_left = (cells[-decimals - 1][1] + cells[-decimals][0]) / 2 if decimals else None
        finish_plate(random, canvas, opening, fraction_left)
    text = "".join(map(str, digits))
    reading = f"{text[:-decimals]},{text[-decimals:]}" if decimals else text
    corners = np.array([[left, y0], [right, y0], [right, y0 + height], [left, y0 + height]], np.float32)
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    meter, around = ("water", None) if strip is None else (strip.meter, strip.reach(corners))
    return DrawnWindow(image, corners, tuple(boxes), reading, "analog", tuple(phases), plate, meter, around)
