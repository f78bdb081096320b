"""Counter windows drawn from scratch: rows of number wheels of many makes, with their labels."""

import dataclasses

import cv2
import numpy as np

from retinanet.datasets.records import LabelledBox
from retinanet.datasets.synthetic import displays, fonts, odometer
from retinanet.datasets.synthetic.paint import blend, colour_near, line_frame, rounded_mask, smooth_noise

# (wheels, wheels of the fraction): how often.
LAYOUTS = {
    **{(8, 3): 40, (5, 0): 14, (7, 2): 6, (7, 3): 5, (6, 1): 4, (6, 2): 3, (8, 2): 3, (9, 3): 5, (6, 0): 4, (7, 0): 3},
    **{(4, 0): 3, (8, 0): 3, (8, 4): 2, (9, 4): 1, (7, 1): 3, (5, 1): 3, (6, 3): 2, (5, 2): 1, (4, 1): 1, (9, 0): 1},
}

# Ground and ink of the whole wheels, of the fraction's, and whether a red frame stands round the fraction.
SCHEMES = {
    **{("white", "black", "white", "red", False): 38, ("black", "white", "red", "white", False): 20},
    **{("white", "black", "red", "white", False): 8, ("white", "black", "red", "black", False): 4},
    **{("white", "black", "white", "black", False): 8, ("black", "white", "black", "white", False): 6},
    **{("white", "black", "white", "black", True): 4, ("black", "white", "black", "white", True): 5},
    **{("black", "white", "white", "red", False): 4, ("white", "black", "white", "red", True): 3},
    **{("black", "white", "black", "red", False): 1, ("black", "white", "white", "black", False): 2},
    **{("yellow", "black", "yellow", "red", False): 2, ("white", "black", "black", "white", False): 2},
    ("white", "black", "yellow", "black", False): 1,
}

PLATES = {"white": 50, "grey": 18, "cream": 10, "black": 8, "blue": 4, "red": 3, "silver": 7}


@dataclasses.dataclass(frozen=True)
class DrawnWindow:
    """A counter window with a margin of its plate.

    Attributes:
        image: uint8 RGB (height, width, 3), the opening 56 to 112 pixels high, upright.
        corners: (4, 2) float32, the opening's corners in pixels of the image, from the top-left clockwise.
        boxes: one per wheel, labelled by its digit; `floatp` round the fraction; `point` of a display. A wheel's box
            is about as wide as its digits and as high as the opening, wherever the digits stand.
        reading: `00595,825`.
        label: `analog` or `digital`.
        phases: turns of each wheel in digits, 0 to 10; a wheel at 3.6 shows more of 4 than of 3 and counts as 3.
            Empty for a display.
        plate: (3,) RGB of the plate, 0 to 255.
    """

    image: np.ndarray
    corners: np.ndarray
    boxes: tuple[LabelledBox, ...]
    reading: str
    label: str
    phases: tuple[float, ...]
    plate: np.ndarray


@dataclasses.dataclass(frozen=True)
class WindowStyle:
    """The make of a counter, lengths in shares of the opening's height unless told otherwise.

    Attributes:
        face: digits, see `fonts`.
        scheme: a key of SCHEMES.
        grounds: two (3,) RGB, of the whole wheels and of the fraction's.
        inks: two (3,) RGB, likewise.
        pitch: from wheel to wheel.
        cell: a wheel's visible width.
        glyph: width and height of the digits.
        step: from digit to digit along the drum's rim.
        bulge: 0 flat to 0.9, how much of the drum's roundness is seen.
        shade: 0 to 1, how dark the drum gets at top and bottom.
        slots: each wheel has an opening of its own.
        teeth: width of the gear teeth beside each wheel, 0 without.
        downwards: the next digit comes from above.
    """

    face: np.ndarray
    scheme: tuple
    grounds: tuple[np.ndarray, np.ndarray]
    inks: tuple[np.ndarray, np.ndarray]
    pitch: float
    cell: float
    glyph: tuple[float, float]
    step: float
    bulge: float
    shade: float
    slots: bool
    teeth: float
    downwards: bool


def weighted(random: np.random.Generator, weights: dict):
    """Returns a key of the dictionary, drawn by the weights that are its values."""
    keys = list(weights)
    shares = np.array(list(weights.values()), float)
    return keys[int(random.choice(len(keys), p=shares / shares.sum()))]


def random_style(random: np.random.Generator) -> WindowStyle:
    """Returns a random make."""
    scheme = weighted(random, SCHEMES)
    face = fonts.random_digits(random)
    slots = bool(random.random() < 0.45)
    glyph_height = random.uniform(0.55, 0.86)
    natural = face.shape[2] / face.shape[1]
    glyph_width = float(np.clip(glyph_height * natural * random.uniform(0.8, 1.3), 0.26, 0.8))
    cell = glyph_width * random.uniform(1.08, 1.6)
    pitch = cell * (random.uniform(1.12, 1.9) if slots else random.uniform(1.0, 1.08))
    teeth = 0.0
    if random.random() < (0.15 if slots else 0.5):
        teeth = random.uniform(0.12, 0.4) * glyph_width
        pitch += 0.0 if slots else teeth
        cell += teeth
    muted = random.uniform(0.6, 1.0)
    grounds = tuple(colour_near(random, name, muted) for name in (scheme[0], scheme[2]))
    inks = tuple(colour_near(random, name, muted) for name in (scheme[1], scheme[3]))
    if scheme[0] == scheme[2] and random.random() < 0.8:
        grounds = (grounds[0], grounds[0])
    return WindowStyle(
        face=face,
        scheme=scheme,
        grounds=grounds,
        inks=inks,
        pitch=pitch,
        cell=min(cell, pitch),
        glyph=(glyph_width, glyph_height),
        step=glyph_height * random.uniform(1.08, 1.6),
        bulge=random.uniform(0.0, 0.85),
        shade=random.uniform(0.0, 0.55) ** 1.3,
        slots=slots,
        teeth=teeth,
        downwards=bool(random.random() < 0.07),
    )


def draw_wheel(
    random: np.random.Generator, style: WindowStyle, phase: float, size: tuple[int, int], unit: float, fraction: bool
) -> np.ndarray:
    """Returns a wheel as seen through its opening, float32 RGB (height, width, 3).

    Args:
        random: for the wear of its print.
        style: the make.
        phase: turn in digits, any real number.
        size: (width, height) of what is seen, pixels.
        unit: pixels of a length of 1 in the style.
        fraction: wears the fraction's colours.
    """
    width, height = size
    ground, ink = style.grounds[fraction], style.inks[fraction]
    step = style.step * unit
    glyph_size = max(3, round(style.glyph[0] * unit)), max(4, round(style.glyph[1] * unit))
    glyph_size = (min(glyph_size[0], width), glyph_size[1])
    rows = (np.arange(height) + 0.5) / height * 2 - 1
    if style.bulge > 0.05:
        rows = np.arcsin(rows * style.bulge) / style.bulge
    turns = rows * height / 2 / step
    position = phase - turns if style.downwards else phase + turns
    first, last = int(np.floor(position.min() - 0.5)), int(np.ceil(position.max() + 0.5))

    strip_rows = round(step)
    strip = np.zeros(((last - first + 1) * strip_rows + 2, width), np.float32)
    left = (width - round(style.teeth * unit) - glyph_size[0]) // 2
    left = max(0, left)
    for number in range(first, last + 1):
        glyph = cv2.resize(style.face[number % 10], glyph_size, interpolation=cv2.INTER_AREA)
        if style.downwards:
            glyph = glyph[::-1]
        top = (number - first) * strip_rows + (strip_rows - glyph_size[1]) // 2
        part = strip[max(0, top) : top + glyph_size[1], left : left + glyph_size[0]]
        np.maximum(part, glyph[max(0, -top) :][: part.shape[0], : part.shape[1]] / np.float32(255), out=part)
    source = (position - first) * strip_rows + strip_rows / 2 - 0.5
    source = source.astype(np.float32)[:, None].repeat(width, axis=1)
    columns = np.arange(width, dtype=np.float32)[None].repeat(height, axis=0)
    mask = cv2.remap(strip, columns, source, cv2.INTER_LINEAR)
    wheel = np.empty((height, width, 3), np.float32)
    wheel[:] = ground
    if style.teeth:
        _draw_teeth(wheel, style, position, round(style.teeth * unit), ground)
    if random.random() < 0.25:
        worn = smooth_noise(random, (height, width), 6)
        mask = mask * np.clip(1.0 - random.uniform(0.2, 0.9) * np.maximum(worn, 0), 0, 1)
    return blend(wheel, ink, mask)


def _draw_teeth(wheel: np.ndarray, style: WindowStyle, position: np.ndarray, width: int, ground: np.ndarray) -> None:
    """Paints the pinion's teeth onto the right side of the wheel: dark gaps that turn with it."""
    if width < 2:
        return
    dark = ground * 0.25 if ground.mean() > 90 else ground * 0.4
    bright = ground * 0.9 if ground.mean() > 90 else ground + 45
    gaps = (np.floor(position * 2 + 0.5) % 2 == 0)[:, None, None]
    wheel[:, -width:] = np.where(gaps, dark, bright)
    wheel[:, -width : -width + max(1, width // 6)] = dark * 0.8


def _shading(random: np.random.Generator, style: WindowStyle, size: tuple[int, int]) -> np.ndarray:
    """Returns what is left of the light on a drum, (height, width) float32, 0 to 1."""
    width, height = size
    rows = np.linspace(-1, 1, height)
    tilt = random.uniform(-0.15, 0.15)
    light = 1 - style.shade * np.abs(rows + tilt) ** random.uniform(1.5, 3.5)
    columns = 1 - random.uniform(0, 0.25) * np.abs(np.linspace(-1, 1, width)) ** 4
    # The upper edge of the opening throws a shadow on the drum.
    shadow = 1 - random.uniform(0, 0.45) * np.exp(-(rows + 1) * random.uniform(4, 14))
    return np.clip(np.outer(light * shadow, columns), 0, 1).astype(np.float32)


def draw_window(random: np.random.Generator, digital: bool | None = None) -> DrawnWindow:
    """Returns a random counter window.

    Args:
        random: the only source of chance.
        digital: a display (True), wheels (False), or a display now and then.
    """
    if digital if digital is not None else random.random() < 0.06:
        image, corners, boxes, reading, plate = displays.draw_display(random)
        return DrawnWindow(image, corners, boxes, reading, "digital", (), plate)
    style = random_style(random)
    wheels, decimals = weighted(random, LAYOUTS)
    phases = odometer.random_phases(random, wheels)
    return draw_wheels(random, style, phases, decimals)


def draw_wheels(
    random: np.random.Generator, style: WindowStyle, phases: tuple[float, ...], decimals: int
) -> DrawnWindow:
    """Returns a window of this make whose wheels stand at these phases, the last `decimals` ones as the fraction."""
    unit = float(random.uniform(56, 112))
    height = round(unit)
    wheels = len(phases)
    pitch = style.pitch * unit
    # The fraction often stands a little apart.
    apart = random.uniform(0, 0.35) * pitch if decimals and random.random() < 0.25 else 0.0
    end_gap = random.uniform(0.0, 0.18) * pitch if not style.slots else 0.0
    length = pitch * wheels + apart
    margin_x, margin_y = round(unit * random.uniform(0.5, 0.8)), round(unit * random.uniform(0.45, 0.7))
    width = round(length + 2 * end_gap)
    plate = colour_near(random, weighted(random, PLATES), random.uniform(0.7, 1.0))
    canvas = np.empty((height + 2 * margin_y, width + 2 * margin_x, 3), np.float32)
    canvas[:] = plate
    x0, y0 = margin_x, margin_y

    if not style.slots:
        _draw_opening(random, canvas, (x0, y0, x0 + width, y0 + height), style)
    rest = float(np.clip(random.normal(0, 0.05), -0.1, 0.1))
    slack = random.uniform(0.0, 0.05)
    digits = odometer.digits_of(phases)
    boxes = []
    stepped = random.random() < 0.2
    grow_last = 0 if not stepped else round(unit * random.uniform(0.04, 0.14))
    box_share = float(np.clip(style.glyph[0] * random.uniform(1.08, 1.2) / style.pitch, 0.6, 0.85))
    cells = []
    shading = {}
    for index, phase in enumerate(phases):
        fraction = bool(decimals) and index >= wheels - decimals
        middle = x0 + end_gap + pitch * (index + 0.5) + (apart if fraction else 0.0)
        cell_width = max(6, round(style.cell * unit))
        left = round(middle - cell_width / 2)
        grow = grow_last if index == wheels - 1 else 0
        size = (cell_width, height + 2 * grow)
        offset = rest + random.normal(0, slack)
        wheel = draw_wheel(random, style, phase + offset, size, unit, fraction)
        if size not in shading:
            shading[size] = _shading(random, style, size)
        wheel *= shading[size][..., None]
        top = y0 - grow
        if style.slots:
            _draw_slot(canvas, (left, top, left + size[0], top + size[1]), plate, random)
        target = canvas[top : top + size[1], left : left + size[0]]
        target[:] = wheel[:, : target.shape[1]]
        cells.append((left, left + cell_width))
        face_middle = left + (cell_width - round(style.teeth * unit)) / 2
        half = box_share * pitch / 2
        inset = 0.025 * height
        boxes.append(_box(face_middle - half, y0 + inset, face_middle + half, y0 + height - inset, str(digits[index])))
    x_left = cells[0][0] if style.slots else x0
    x_right = cells[-1][1] if style.slots else x0 + width
    fraction_left = cells[-decimals][0] if decimals else None
    marked = decimals and _mark_fraction(random, canvas, style, cells, decimals, (y0, y0 + height), unit)
    if marked:
        boxes.append(_box(fraction_left, y0 + 0.025 * height, cells[-1][1], y0 + height * 0.975, "floatp"))
    else:
        decimals = 0
    _finish_plate(random, canvas, (x_left, y0, x_right, y0 + height), style, unit)
    text = "".join(map(str, digits))
    reading = f"{text[:-decimals]},{text[-decimals:]}" if decimals else text
    corners = np.array([[x_left, y0], [x_right, y0], [x_right, y0 + height], [x_left, y0 + height]], np.float32)
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    return DrawnWindow(image, corners, tuple(boxes), reading, "analog", tuple(phases), plate)


def _box(left: float, top: float, right: float, bottom: float, label: str) -> LabelledBox:
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return LabelledBox(corners, label)


def _draw_opening(random: np.random.Generator, canvas: np.ndarray, box: tuple, style: WindowStyle) -> None:
    """Paints the opening that all wheels share: its rim, and what is seen between the wheels."""
    left, top, right, bottom = box
    rim = random.random()
    unit = bottom - top
    if rim < 0.35:
        thickness = round(unit * random.uniform(0.03, 0.25))
        colour = colour_near(random, str(random.choice(["black", "white", "blue", "red"], p=[0.55, 0.3, 0.1, 0.05])), 1.0)
        line_frame(canvas, (left - thickness, top - thickness, right + thickness, bottom + thickness), colour,
                   radius=round(unit * random.uniform(0, 0.3)))
    gap = style.grounds[0] * random.uniform(0.15, 0.9) if random.random() < 0.8 else style.grounds[0] * 0.1
    canvas[top:bottom, left:right] = gap


def _draw_slot(canvas: np.ndarray, box: tuple, plate: np.ndarray, random: np.random.Generator) -> None:
    """Paints the bevel of a slot in the plate: dark above and left, bright below and right."""
    left, top, right, bottom = box
    depth = max(1, round((bottom - top) * random.uniform(0.01, 0.06)))
    canvas[top - depth : bottom + depth, left - depth : right + depth] = plate * 0.75
    canvas[bottom : bottom + depth, left - depth : right + depth] = np.minimum(plate * 1.12, 255)
    canvas[top - depth : top, left - depth : right + depth] = plate * 0.5


def _mark_fraction(random, canvas, style, cells, decimals, rows, unit) -> bool:
    """Paints a red frame or a comma where the make has them; tells whether the fraction can be told at all."""
    top, bottom = rows
    coloured = style.scheme[:2] != style.scheme[2:4]
    framed = style.scheme[4]
    if framed:
        pad = max(1, round(unit * random.uniform(0.02, 0.1)))
        red = colour_near(random, "red", 1.0)
        box = (cells[-decimals][0] - pad, top - pad, cells[-1][1] + pad, bottom + pad)
        thickness = max(1, round(unit * random.uniform(0.03, 0.1)))
        cv2.rectangle(canvas, box[:2], box[2:], red.tolist(), thickness, cv2.LINE_AA)
    comma = not (coloured or framed) or random.random() < 0.45
    if comma:
        ink = colour_near(random, str(random.choice(["black", "black", "red"])), 1.0)
        if canvas[max(0, top - 8), max(0, cells[0][0] - 10)].mean() < 80:
            ink = np.array([235.0, 235, 235])
        between = (cells[-decimals - 1][1] + cells[-decimals][0]) / 2
        size = unit * random.uniform(0.14, 0.26)
        if style.slots and cells[-decimals][0] - cells[-decimals - 1][1] > 0.12 * unit:
            y = bottom - size * random.uniform(0.0, 0.8)
        else:
            y = bottom + unit * random.uniform(0.06, 0.16)
        points = np.array([[-0.25, 0], [0.25, 0], [0.25, 0.4], [-0.15, 1.0], [0.0, 0.45], [-0.25, 0.45]]) * size
        if random.random() < 0.3:
            points = np.array([[-0.4, 0.9], [0.4, 0.9], [0.0, 0.0]]) * size
        points = np.round((points + [between, y]) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [points], ink.tolist(), cv2.LINE_AA, shift=4)
    return True


def _finish_plate(random: np.random.Generator, canvas: np.ndarray, box: tuple, style: WindowStyle, unit: float) -> None:
    """Adds what stands round an opening: printed lines, `m3`, a bracket, and a bevelled cover glass."""
    left, top, right, bottom = box
    dark = canvas[2, 2].mean() < 100
    ink = np.array([225.0, 225, 225]) if dark else np.array([45.0, 45, 50])
    if random.random() < 0.5:
        height = round(unit * random.uniform(0.22, 0.5))
        mask = fonts.text_mask(str(random.choice(["m³", "m³", "м³", "M3", "kWh"])), "roboto-400", height)
        place_text(canvas, mask, (right + round(unit * 0.12), bottom - mask.shape[0]), ink)
    for above in (True, False):
        if random.random() < 0.45:
            height = round(unit * random.uniform(0.18, 0.4))
            text = random_label(random)
            mask = fonts.text_mask(text, str(random.choice(fonts.TEXT_FONTS)), height)
            gap = round(unit * random.uniform(0.12, 0.4))
            y = top - gap - mask.shape[0] if above else bottom + gap
            x = round(left + random.uniform(-0.1, 0.9) * (right - left))
            colour = ink if random.random() < 0.7 else colour_near(random, str(random.choice(["red", "blue"])), 1.0)
            place_text(canvas, mask, (x, y), colour)
    if random.random() < 0.15:
        pad = round(unit * random.uniform(0.1, 0.3))
        cv2.rectangle(canvas, (left - pad, top - pad), (right + pad, bottom + pad), ink.tolist(),
                      max(1, round(unit * random.uniform(0.02, 0.06))), cv2.LINE_AA)
    if random.random() < 0.22:
        pad = round(unit * random.uniform(0.0, 0.15))
        _draw_cover(random, canvas, (left - pad, top - pad, right + pad, bottom + pad), unit)


def _draw_cover(random: np.random.Generator, canvas: np.ndarray, box: tuple, unit: float) -> None:
    """Lays a bevelled glass over the wheels: bright and dark edges, and a tint."""
    left, top, right, bottom = box
    part = canvas[max(0, top) : bottom, max(0, left) : right]
    tint = colour_near(random, "cream", 1.0)
    share = random.uniform(0.0, 0.35)
    part *= 1 - share
    part += share * tint
    edge = max(1, round(unit * random.uniform(0.03, 0.12)))
    for rows in (slice(0, edge), slice(-edge, None)):
        part[rows] += random.uniform(-60, 60)
    for columns in (slice(0, edge), slice(-edge, None)):
        part[:, columns] += random.uniform(-60, 60)


def random_label(random: np.random.Generator) -> str:
    """Returns a line as plates carry them, none of them a reading."""
    serial = "".join(map(str, random.integers(0, 10, int(random.integers(6, 10)))))
    choices = [serial, serial, f"№ {serial}", f"{serial[:2]}-{serial[2:]}", f"{serial} {random.integers(5, 26):02d}"]
    choices += ["Qn 1,5 m³/h", "Qn=1,5 м³/ч", "DN 15", "0,814", "30°C", "90°C", "H-B V-A", "класс B", "ГОСТ 50601", "PN 16"]
    choices += ["СВ-15Х", "СВКМ-15", "WATER METER", "СЧЕТЧИК ВОДЫ", "EN 14154", "x0,0001", f"20{random.integers(5, 26):02d}"]
    return str(random.choice(choices))


def place_text(canvas: np.ndarray, mask: np.ndarray, corner: tuple[int, int], ink: np.ndarray) -> None:
    """Paints a mask with ink, its top-left at corner (x, y); what leaves the canvas is cut off."""
    x, y = corner
    height, width = canvas.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + mask.shape[1]), min(height, y + mask.shape[0])
    if x0 < x1 and y0 < y1:
        part = mask[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.float32) / 255
        canvas[y0:y1, x0:x1] = blend(canvas[y0:y1, x0:x1], ink, part)
