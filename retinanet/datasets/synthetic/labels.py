"""Print and labels on gas and electricity meters: lines of data, serial plates, bar codes with their numbers."""

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.paint import color_near, line_frame, place_text

DATA = {
    "electricity": (
        *("240 V", "10-60 A", "50 Hz", "CL. 1.0", "3200 imp/kWh", "1600 imp/kWh", "IS 13779", "IP 51", "600 Rev/kWh"),
        *(
            "TYPE E-7 A.C. 1 Ph. 2 WIRE",
            "SINGLE PHASE STATIC ENERGY METER",
            "Made in 2015",
            "1.8.0  Total kWh",
            "230 V a.c.",
        ),
        *(
            "2.8.0  MD kW",
            "CAT.III",
            "3x230/400 V",
            "5(60) A",
            "PULSE 6400/kWh",
            "ГОСТ 52322",
            "2009",
            "R Y B",
            "NEUTRAL",
        ),
    ),
    "gas": (
        *("Qmax 6 m³/h", "Qmin 0,04 m³/h", "Pmax 0,5 bar", "V 1,2 dm³", "G4", "G6 RF1", "EN 1359", "1 imp = 0,01 m³"),
        *("p 36 mbar", "Tm -20 +50 °C", "NPL 12/110", "CE M04", "V 2 dm³", "2003", "DVGW", "GAS METER", "0,2 dm³"),
    ),
}
NAMES = (
    "Novarena",
    "GALLETO 2000",
    "BENTARA",
    "Ariella 10AP",
    "JALPURA",
    "KEMTRA",
    "Modena",
    "ELSTARA",
    "ENERGOMIR",
    "Hosafin",
)


def serial_number(random: np.random.Generator) -> str:
    """Returns 5 to 12 digits, sometimes spaced, with letters or a year beside them."""
    digits = "".join(map(str, random.integers(0, 10, int(random.integers(5, 13)))))
    forms = (
        digits,
        digits,
        f"No. {digits}",
        f"S.No. {digits}",
        f"Nr. {digits}",
        f"{digits} - 20{digits[:2]}",
        " ".join(digits),
    )
    return str(random.choice(forms))


def draw_bars(random: np.random.Generator, canvas: np.ndarray, box: tuple[int, int, int, int]) -> None:
    """Paints a bar code of bars one to four modules wide; box is left, top, right, bottom."""
    left, top, right, bottom = box
    part = canvas[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if part.shape[0] < 3 or part.shape[1] < 12:
        return
    widths = random.choice([1, 1, 2, 3, 4], int(random.integers(26, 60)))
    bars = np.repeat(np.arange(len(widths)) % 2 == 0, widths).astype(np.float32)
    share = cv2.resize(bars[None], (part.shape[1], 1), interpolation=cv2.INTER_AREA)[..., None]
    paper, ink = random.uniform(190, 245), random.uniform(15, 60)
    part[:] = paper + (ink - paper) * share


def draw_coded_label(random: np.random.Generator, width: int) -> np.ndarray:
    """Returns a label with a bar code and its number below or above, float32 RGB (height, width, 3)."""
    line = max(6, round(width * random.uniform(0.05, 0.13)))
    bars = round(width * random.uniform(0.1, 0.35))
    pad = max(2, line // 3)
    canvas = np.empty((bars + line * 2 + 3 * pad, width, 3), np.float32)
    canvas[:] = color_near(random, str(random.choice(["white", "silver", "yellow"], p=[0.8, 0.15, 0.05])), 1.02)
    above = random.random() < 0.25
    top = 2 * pad + line if above else pad
    inset = round(width * random.uniform(0.02, 0.1))
    draw_bars(random, canvas, (inset, top, width - inset, top + bars))
    rows = [pad // 2 if above else top + bars + pad, top + bars + pad if above else top + bars + pad + line]
    for y in rows[: 1 + (random.random() < 0.4)]:
        put_line(
            canvas, serial_number(random), (width // 2, y), line, width * 0.94, np.array([30.0, 30, 34], np.float32)
        )
    return canvas


def draw_serial_plate(random: np.random.Generator, width: int) -> np.ndarray:
    """Returns a plate with a large serial number and a line or two of data, float32 RGB (height, width, 3)."""
    line = max(6, round(width * random.uniform(0.08, 0.17)))
    lines = int(random.integers(0, 3))
    small = max(5, round(line * random.uniform(0.35, 0.6)))
    canvas = np.empty((line * 2 + round(lines * small * 1.8), width, 3), np.float32)
    dark = random.random() < 0.3
    canvas[:] = color_near(random, str(random.choice(["black", "blue"] if dark else ["white", "silver", "cream"])), 1.0)
    ink = np.array([230.0] * 3 if dark else [35.0] * 3, np.float32)
    if random.random() < 0.5:
        cv2.rectangle(canvas, (1, 1), (width - 2, canvas.shape[0] - 2), ink.tolist(), max(1, line // 12))
    put_line(canvas, serial_number(random), (width // 2, line // 2), line, width * 0.9, ink)
    for row in range(lines):
        text = str(random.choice(DATA[str(random.choice(list(DATA)))]))
        put_line(canvas, text, (width // 2, round(line * 1.8 + row * small * 1.7)), small, width * 0.9, ink)
    return canvas


def put_line(
    canvas: np.ndarray,
    text: str,
    place: tuple[int, int],
    height: int,
    longest: float,
    ink: np.ndarray,
    font: str = "arimo-400",
) -> tuple[int, int, int, int]:
    """Paints a line of text, squeezed where it is too long; returns left, top, right, bottom.

    Args:
        canvas: float32 RGB, is painted on.
        text: the line.
        place: x of its middle and y of its top.
        height: of a capital.
        longest: pixels that it may be long.
        ink: (3,) RGB.
        font: of TEXT_FONTS.
    """
    mask = fonts.text_mask(text, font, height)
    if mask.shape[1] > longest:
        mask = cv2.resize(mask, (max(1, round(longest)), mask.shape[0]), interpolation=cv2.INTER_AREA)
    x, y = place[0] - mask.shape[1] // 2, place[1]
    place_text(canvas, mask, (x, y), ink)
    return x, y, x + mask.shape[1], y + mask.shape[0]


def paste(canvas: np.ndarray, image: np.ndarray, corner: tuple[int, int]) -> tuple[int, int, int, int]:
    """Lays the image onto the canvas, its top-left at corner (x, y), cut off at the edges; returns where it lies."""
    x, y = corner
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(canvas.shape[1], x + image.shape[1]), min(canvas.shape[0], y + image.shape[0])
    if x0 < x1 and y0 < y1:
        canvas[y0:y1, x0:x1] = image[y0 - y : y1 - y, x0 - x : x1 - x]
    return x0, y0, x1, y1


def print_data(
    random: np.random.Generator,
    canvas: np.ndarray,
    box: tuple[int, int, int, int],
    taken: list[tuple[int, int, int, int]],
    meter: str,
    ink: np.ndarray,
) -> None:
    """Fills a name plate with rows of print as meters carry them, some in boxes, with bar code and serial number.

    Args:
        random: the only source of chance.
        canvas: float32 RGB, is painted on.
        box: left, top, right and bottom of the plate.
        taken: boxes to keep free.
        meter: a key of DATA.
        ink: (3,) RGB.
    """
    left, top, right, bottom = box
    width = right - left
    font = str(random.choice(fonts.TEXT_FONTS))
    y = top + round(width * random.uniform(0.02, 0.06))
    while y < bottom - width * 0.04:
        kind = random.random()
        height = round(width * random.uniform(0.022, 0.045))
        x = round(left + width * random.uniform(0.3, 0.7))
        if kind < 0.2:
            draw = draw_coded_label if kind < 0.13 else draw_serial_plate
            label = draw(random, round(width * random.uniform(0.3, 0.7)))
            place = (x - label.shape[1] // 2, y, x + label.shape[1] // 2, y + label.shape[0])
            if _free(place, box, taken):
                paste(canvas, label, place[:2])
            height = label.shape[0] if _free(place, box, taken) else height
        elif kind < 0.35:
            height = round(height * random.uniform(1.2, 2.6))
            text = serial_number(random) if random.random() < 0.6 else str(random.choice(NAMES))
            _row(canvas, [text], (x, y), height, width, box, taken, ink, font, False)
        elif kind < 0.9:
            words = [str(word) for word in random.choice(DATA[meter], int(random.integers(1, 4)))]
            _row(canvas, words, (x, y), max(4, height), width, box, taken, ink, font, bool(random.random() < 0.3))
        y += round(height * random.uniform(1.5, 2.6))


def _row(
    canvas: np.ndarray,
    words: list[str],
    place: tuple[int, int],
    height: int,
    width: int,
    box: tuple,
    taken: list[tuple],
    ink: np.ndarray,
    font: str,
    boxed: bool,
) -> None:
    """Prints words side by side where the row is free, light in dark boxes where `boxed`."""
    step = width * 0.9 / len(words)
    for number, word in enumerate(words):
        middle = round(place[0] + (number - (len(words) - 1) / 2) * step)
        half = min(len(word) * height * 0.5, step * 0.45)
        area = round(middle - half), place[1], round(middle + half), round(place[1] + height * 1.2)
        if not _free(area, box, taken):
            continue
        if boxed:
            line_frame(canvas, area, ink, 0)
        put_line(canvas, word, (middle, place[1]), height, 2 * half, 255 - ink if boxed else ink, font)


def _free(area: tuple, box: tuple, taken: list[tuple]) -> bool:
    inside = box[0] <= area[0] and box[1] <= area[1] and area[2] <= box[2] and area[3] <= box[3]
    return inside and not any(
        area[0] < other[2] and other[0] < area[2] and area[1] < other[3] and other[1] < area[3] for other in taken
    )
