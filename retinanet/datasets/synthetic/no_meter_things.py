"""Things with digits on them that are no meter: clocks, gauges, number plates, calendars, pages, keys, price tags."""

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.paint import COLORS, color_near, line_frame, place_text

DARK, PALE = (30.0, 30.0, 34.0), (245.0, 245.0, 242.0)
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
LETTERS = "abcdefghiklmnoprstuvw"


def draw_clock(random: np.random.Generator) -> np.ndarray:
    """Returns a wall clock, square: twelve figures or Roman numerals, hands, often a date in a small opening."""
    canvas, ink = _disc(random)
    names = ROMAN if random.random() < 0.3 else tuple(str(hour) for hour in range(1, 13))
    font = str(random.choice(fonts.TEXT_FONTS))
    for hour, name in enumerate(names, start=1):
        _at_angle(canvas, name, font, 26, hour / 12, 180, ink)
    if random.random() < 0.3:
        line_frame(canvas, (318, 238, 372, 272), np.array(PALE), 3)
        _centred(canvas, str(random.integers(1, 32)), font, 18, (345, 255), DARK)
    time = random.random()
    for turn, length, width in ((time, 110, 9), (time * 12 % 1, 165, 6), (random.random(), 175, 2)):
        _hand(canvas, turn, length, width, ink)
    return canvas


def draw_gauge(random: np.random.Generator) -> np.ndarray:
    """Returns a pressure gauge or thermometer, square: figures along three quarters of a circle, one pointer."""
    canvas, ink = _disc(random)
    step = float(random.choice([0.2, 0.5, 1, 2, 5, 10, 20, 50]))
    count = int(random.integers(5, 11))
    for number in range(count + 1):
        _at_angle(canvas, f"{number * step:g}", "roboto-400", 20, _arc(number / count), 160, ink)
    for tick in range(count * 5 + 1):
        _hand(canvas, _arc(tick / count / 5), 205, 2, ink, start=190)
    _centred(canvas, str(random.choice(["bar", "kPa", "psi", "C", "km"])), "roboto-400", 24, (256, 350), ink)
    _hand(canvas, _arc(random.random()), 165, 7, color_near(random, "red", 1.0))
    return canvas


def draw_number_plate(random: np.random.Generator) -> np.ndarray:
    """Returns a car's number plate: letters and digits, a border, often a stripe at its left."""
    canvas = np.empty((120, 520, 3), np.float32)
    canvas[:] = PALE if random.random() < 0.7 else color_near(random, "yellow", 1.05)
    cv2.rectangle(canvas, (4, 4), (515, 115), DARK, 4)
    if random.random() < 0.5:
        canvas[8:112, 8:50] = color_near(random, "blue", 1.0)
    digits = "".join(map(str, random.integers(0, 10, 6)))
    letters = "".join(random.choice(list("ABCEHKMOPTXY"), 4))
    forms = (f"{letters[0]} {digits[:3]} {letters[1:3]} {digits[3:5]}", f"{letters[:2]} {digits[:4]}", digits[:5])
    font = str(random.choice(["roboto-condensed-700", "fira-sans-condensed-500", "arimo-700"]))
    mask = fonts.text_mask(str(random.choice(forms)), font, 66)
    width = min(mask.shape[1], 430)
    mask = cv2.resize(mask, (width, mask.shape[0]), interpolation=cv2.INTER_AREA)
    place_text(canvas, mask, (285 - width // 2, 60 - mask.shape[0] // 2), np.array(DARK))
    return canvas


def draw_calendar(random: np.random.Generator) -> np.ndarray:
    """Returns a month: a grid of the days, Sundays in red."""
    canvas = np.empty((420, 520, 3), np.float32)
    canvas[:] = PALE
    line_frame(canvas, (0, 0, 520, 70), color_near(random, str(random.choice(list(COLORS))), 0.9), 0)
    _centred(canvas, f"{_word(random).title()} 20{random.integers(10, 30)}", "roboto-700", 30, (260, 36), PALE)
    first, red = int(random.integers(0, 7)), color_near(random, "red", 1.0)
    for day in range(1, int(random.integers(29, 32))):
        row, column = divmod(day - 1 + first, 7)
        _centred(canvas, str(day), "roboto-400", 24, (50 + 70 * column, 108 + 54 * row), red if column == 6 else DARK)
    return canvas


def draw_page(random: np.random.Generator) -> np.ndarray:
    """Returns a page: paragraphs, or the lines of a bill with numbers in columns."""
    canvas = np.empty((640, 480, 3), np.float32)
    canvas[:] = color_near(random, "white", 1.1)
    _put(canvas, _word(random).title(), "roboto-700", 24, (40, 40))
    bill = random.random() < 0.6
    for row in range(int(random.integers(10, 20))):
        y = 96 + row * 26
        if bill:
            _put(canvas, _word(random), "roboto-400", 12, (40, y))
            for x in (230, 320, 400):
                whole = random.integers(0, 10 ** int(random.integers(1, 5)))
                _put(canvas, f"{whole},{random.integers(0, 100):02d}", "roboto-400", 12, (x, y))
        else:
            words = " ".join(_word(random) for _ in range(6))
            _put(canvas, words + f" {random.integers(0, 10**6)}" * (random.random() < 0.2), "roboto-400", 12, (40, y))
    return canvas


def draw_keys(random: np.random.Generator) -> np.ndarray:
    """Returns the keys of a telephone or a calculator, its display blank."""
    ground, key = (PALE, DARK) if random.random() < 0.5 else (DARK, PALE)
    canvas = np.empty((560, 400, 3), np.float32)
    canvas[:] = ground
    line_frame(canvas, (30, 30, 370, 110), color_near(random, "grey", 0.8), 8)
    numbers = (7, 8, 9, 4, 5, 6, 1, 2, 3, 0) if random.random() < 0.5 else (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)
    for place, number in enumerate(numbers):
        row, column = divmod(place if place < 9 else 10, 3)
        x, y = 85 + 115 * column, 180 + 100 * row
        line_frame(canvas, (x - 45, y - 36, x + 45, y + 36), np.array(key, np.float32), int(random.integers(2, 30)))
        _centred(canvas, str(number), "roboto-400", 30, (x, y), ground)
    return canvas


def draw_price_tag(random: np.random.Generator) -> np.ndarray:
    """Returns a price tag: a word, a price, and a bar code with its number."""
    canvas = np.empty((260, 400, 3), np.float32)
    canvas[:] = PALE if random.random() < 0.6 else color_near(random, "yellow", 1.1)
    _put(canvas, _word(random).title(), "roboto-700", 22, (24, 20))
    _put(canvas, f"{random.integers(1, 1000)},{random.integers(0, 100):02d}", "roboto-700", 52, (24, 70))
    x = 210
    while x < 370:
        width = int(random.integers(1, 5))
        canvas[160:215, x : x + width] = DARK
        x += width + int(random.integers(1, 5))
    _put(canvas, "".join(map(str, random.integers(0, 10, 13))), "roboto-400", 14, (212, 224))
    return canvas


def draw_digital_clock(random: np.random.Generator) -> np.ndarray:
    """Returns a clock with seven segments: hours and minutes, a colon between them."""
    digits, _ = fonts.segment_digits(random)
    canvas = np.empty((180, 520, 3), np.float32)
    lit = random.random() < 0.6
    canvas[:] = DARK if lit else color_near(random, "grey", 1.0)
    ink = color_near(random, str(random.choice(["red", "green", "blue"])), 1.3) if lit else np.array(DARK)
    time = f"{random.integers(0, 24):02d}{random.integers(0, 60):02d}"
    for digit, x in zip(time, (60, 155, 285, 380), strict=True):
        place_text(canvas, digits[int(digit)], (x, 42), ink)
    for y in (72, 112):
        cv2.circle(canvas, (262, y), 7, ink.tolist(), cv2.FILLED, cv2.LINE_AA)
    return canvas


THINGS = {
    "clock": draw_clock,
    "gauge": draw_gauge,
    "number_plate": draw_number_plate,
    "calendar": draw_calendar,
    "page": draw_page,
    "keys": draw_keys,
    "price_tag": draw_price_tag,
    "digital_clock": draw_digital_clock,
}


def _disc(random: np.random.Generator) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Returns a round face on a wall (512, 512, 3), and the ink that shows on it."""
    pale = random.random() < 0.7
    canvas = np.empty((512, 512, 3), np.float32)
    canvas[:] = color_near(random, str(random.choice(list(COLORS))), 0.9)
    cv2.circle(canvas, (256, 256), 245, color_near(random, str(random.choice(list(COLORS))), 0.8).tolist(), cv2.FILLED)
    cv2.circle(canvas, (256, 256), 220, PALE if pale else DARK, cv2.FILLED, cv2.LINE_AA)
    return canvas, DARK if pale else PALE


def _arc(share: float) -> float:
    """Returns the turn, clockwise from the top, of a share of a gauge's scale: three quarters, open at the bottom."""
    return (share - 0.5) * 0.75


def _point(turn: float, radius: float) -> tuple[float, float]:
    return 256 + radius * np.sin(2 * np.pi * turn), 256 - radius * np.cos(2 * np.pi * turn)


def _hand(canvas: np.ndarray, turn: float, length: float, width: int, ink, start: float = -25) -> None:
    near, far = ([round(value) for value in _point(turn, radius)] for radius in (start, length))
    cv2.line(canvas, near, far, [float(value) for value in ink], width, cv2.LINE_AA)


def _at_angle(canvas: np.ndarray, text: str, font: str, height: int, turn: float, radius: float, ink) -> None:
    _centred(canvas, text, font, height, _point(turn, radius), ink)


def _centred(canvas: np.ndarray, text: str, font: str, height: int, middle: tuple[float, float], ink) -> None:
    mask = fonts.text_mask(text, font, height)
    corner = round(middle[0] - mask.shape[1] / 2), round(middle[1] - mask.shape[0] / 2)
    place_text(canvas, mask, corner, np.array(ink, np.float32))


def _put(canvas: np.ndarray, text: str, font: str, height: int, corner: tuple[int, int]) -> None:
    place_text(canvas, fonts.text_mask(text, font, height), corner, np.array(DARK, np.float32))


def _word(random: np.random.Generator) -> str:
    return "".join(random.choice(list(LETTERS), int(random.integers(3, 10))))
