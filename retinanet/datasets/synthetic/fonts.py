"""Faces of digits and letters: open fonts from resources/fonts, and faces drawn stroke by stroke.

A face is an array (10, 96, width) uint8 of coverage, one mask per digit, all of one size, ink as high as the mask.
"""

import functools
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deploy.recognition.errors import UserError

FONTS_FOLDER = Path(__file__).resolve().parents[3] / "resources" / "fonts"
GLYPH_HEIGHT = 96

# These hold Cyrillic letters and the numero sign too.
TEXT_FONTS = (
    *("arimo-400", "arimo-700", "cousine-400", "cousine-700", "fira-sans-condensed-500", "old-standard-tt-400"),
    *("roboto-400", "roboto-700", "roboto-condensed-400", "roboto-condensed-700", "roboto-slab-500"),
)

# Their zero is dotted or slashed, which no wheel has.
MARKED_ZERO_FONTS = ("cousine-400", "cousine-700", "dejavu-sans-mono-bold", "dosis-500", "jura-500", "roboto-mono-500")

# Segments that each digit of a display lights, named a..g: top, top right, bottom right, bottom, bottom left, top left,
# middle.
SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
# Other makes of a digit, with the share of displays that have them: a seven with a stub, a six and a nine without one.
OTHER_SEGMENTS = ((7, "abcf", 0.45), (6, "fgedc", 0.08), (9, "abcfg", 0.08))

DOT_ROWS = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00010 00100 01000 11111",
    "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)


@functools.cache
def font_names() -> tuple[str, ...]:
    """Returns the names of the fonts in resources/fonts whose figures a wheel may carry, sorted.

    Raises:
        UserError: the folder holds none.
    """
    names = sorted(path.stem for path in FONTS_FOLDER.glob("*.ttf"))
    if not names:
        raise UserError(f"{FONTS_FOLDER}: no fonts (*.ttf) here, and drawing needs them; restore the folder")
    return tuple(name for name in names if name not in MARKED_ZERO_FONTS)


@functools.lru_cache(maxsize=256)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS_FOLDER / f"{name}.ttf"), size, layout_engine=ImageFont.Layout.BASIC)


def _ink_box(font: ImageFont.FreeTypeFont, text: str) -> tuple[int, int, int, int]:
    """Returns where a text's ink stands in pixels: left, top, right, bottom. They are whole with the basic layout."""
    left, top, right, bottom = font.getbbox(text)
    return int(left), int(top), int(right), int(bottom)


@functools.cache
def font_digits(name: str) -> np.ndarray:
    """Returns the digits of a font as a face."""
    font = _font(name, 144)
    inks = []
    for digit in "0123456789":
        left, top, right, bottom = _ink_box(font, digit)
        mask = Image.new("L", (right - left + 2, bottom - top + 2))
        ImageDraw.Draw(mask).text((1 - left, 1 - top), digit, fill=255, font=font)
        inks.append(np.asarray(mask))
    width = round(max(ink.shape[1] for ink in inks) * GLYPH_HEIGHT / inks[0].shape[0]) + 2
    face = np.zeros((10, GLYPH_HEIGHT, width), np.uint8)
    for mask, ink in zip(face, inks, strict=True):
        # Old-style figures are as high as the others on a wheel.
        ink_width = min(width, max(4, round(ink.shape[1] * GLYPH_HEIGHT / ink.shape[0])))
        left = (width - ink_width) // 2
        mask[:, left : left + ink_width] = cv2.resize(ink, (ink_width, GLYPH_HEIGHT), interpolation=cv2.INTER_AREA)
    return face


def text_mask(text: str, font: str, height: int) -> np.ndarray:
    """Returns the coverage of a line of text, uint8 (rows, columns); height is that of a capital letter in pixels."""
    size = max(4, round(height * 1.4))
    left, top, right, bottom = _ink_box(_font(font, size), text)
    mask = Image.new("L", (max(1, right - left + 2), max(1, bottom - top + 2)))
    ImageDraw.Draw(mask).text((1 - left, 1 - top), text, fill=255, font=_font(font, size))
    return np.asarray(mask)


def _loop(box: tuple[float, float, float, float], roundness: float, start: float, end: float) -> np.ndarray:
    """Returns points of a superellipse in the box (x0, y0, x1, y1); angles in degrees, 270 is the top."""
    angles = np.radians(np.linspace(start, end, max(4, round(abs(end - start) / 10))))
    x, y = (np.sign(f(angles)) * np.abs(f(angles)) ** (2 / roundness) for f in (np.cos, np.sin))
    x0, y0, x1, y1 = box
    return np.stack([(x0 + x1 + (x1 - x0) * x) / 2, (y0 + y1 + (y1 - y0) * y) / 2], axis=1)


def _digit_lines(random: np.random.Generator) -> list[list[np.ndarray]]:
    """Returns the lines of the ten digits in the unit square, in one random manner of drafting."""
    roundness = random.uniform(2.0, 4.5)
    waist = random.uniform(0.42, 0.5)
    narrow = random.uniform(0.0, 0.08)
    tail = random.uniform(0, 30)
    # The flag of a one is short, or reaches halfway down on tall narrow faces, where it makes the one look like a four.
    stem_x, flag_end = 0.55, (0.12, random.uniform(0.15, 0.28))
    if random.random() < 0.3:
        stem_x, flag_end = random.uniform(0.55, 0.8), (random.uniform(0.0, 0.12), random.uniform(0.3, 0.55))
    one = [np.array([flag_end, (stem_x, 0.0), (stem_x, 1.0)])]
    if random.random() < 0.2:
        one.append(np.array([(0.2, 1.0), (0.9, 1.0)]))
    two = np.concatenate([_loop((0, 0, 1, 2 * waist * 0.62), roundness, 190 - tail / 3, 375), [(0.0, 1.0), (1.0, 1.0)]])
    lower = _loop((0, waist, 1, 1), roundness, 270, 510 + tail)
    if random.random() < 0.3:
        three = np.concatenate([[(0.03, 0), (0.95, 0), (0.45, waist)], lower])
    else:
        three = np.concatenate([_loop((narrow, 0, 1 - narrow, waist), roundness, 200 - tail / 2, 450), lower])
    bar = random.uniform(0.66, 0.76)
    if random.random() < 0.35:
        four = [np.array([(0.3, 0.0), (0.0, bar), (1.0, bar)]), np.array([(0.72, random.uniform(0.3, 0.5)), (0.72, 1)])]
    else:
        four = [np.array([(0.72, 1.0), (0.72, 0.0), (0.0, bar), (1.0, bar)])]
    five = np.concatenate(
        [[(0.92, 0.0), (0.12, 0.0), (0.04, 0.46)], _loop((0, waist - 0.08, 1, 1), roundness, 215, 515 + tail)]
    )
    if random.random() < 0.5:
        stem = np.concatenate([_loop((0, 0, 1, 0.9), roundness, 330 - tail / 2, 180), [(0.0, 0.7)]])
    else:
        stem = np.array([(0.85 - t * (2 - t) * 0.85, t * t * 0.7) for t in np.linspace(0, 1, 12)])
    six = [stem, _loop((0, 1 - waist * 1.25, 1, 1), roundness, 0, 360)]
    bend = random.uniform(0, 0.3)
    seven = [np.array([(0.0, 0.0), (1.0, 0.0), (0.5 + bend / 2, 0.45), (0.32, 1.0)])]
    eight = [_loop((narrow, 0, 1 - narrow, waist), roundness, 0, 360), _loop((0, waist, 1, 1), roundness, 0, 360)]
    nine = [1.0 - line for line in six]
    zero = [_loop((0, 0, 1, 1), roundness, 0, 360)]
    return [zero, one, [two], [three], four, [five], six, seven, eight, nine]


def drafted_digits(random: np.random.Generator) -> np.ndarray:
    """Returns a face drawn with a round pen, as engravers of counters did: proportions and manner are random."""
    width = round(GLYPH_HEIGHT * random.uniform(0.36, 0.78))
    pen = min(random.uniform(0.06, 0.19) * GLYPH_HEIGHT, 0.26 * width)
    face = np.zeros((10, GLYPH_HEIGHT, width + 2), np.uint8)
    span = np.array([width - pen, GLYPH_HEIGHT - pen])
    for mask, lines in zip(face, _digit_lines(random), strict=True):
        points = [np.round((line * span + pen / 2 + 0.5) * 16).astype(np.int32) for line in lines]
        cv2.polylines(mask, points, False, 255, max(1, round(pen)), cv2.LINE_AA, shift=4)
    return face


def segment_digits(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns a seven-segment face and the mask (96, width) of all segments, which an LCD shows faintly."""
    width = round(GLYPH_HEIGHT * random.uniform(0.46, 0.62))
    pen = GLYPH_HEIGHT * random.uniform(0.07, 0.16)
    gap = random.uniform(0.5, 3.0)
    slant = random.uniform(0.0, 0.14) * (random.random() < 0.6)
    room = round(slant * GLYPH_HEIGHT)
    # from a stream of its own: all else looks the same whatever the make
    make = random.spawn(1)[0]
    # pointed ends, or nearly flat ones
    shoulder_share = make.choice([0.5, 0.25])
    left, right, top, bottom = pen / 2 + 1, width - pen / 2 - 1, pen / 2, GLYPH_HEIGHT - pen / 2
    middle = GLYPH_HEIGHT / 2
    ends = {
        **{"a": (left, top, right, top), "b": (right, top, right, middle), "c": (right, middle, right, bottom)},
        **{"d": (left, bottom, right, bottom), "e": (left, middle, left, bottom), "f": (left, top, left, middle)},
        "g": (left, middle, right, middle),
    }
    segments = {}
    for name, (x0, y0, x1, y1) in ends.items():
        start, end = np.array([x0, y0]), np.array([x1, y1])
        along = (end - start) / np.linalg.norm(end - start)
        across = np.array([-along[1], along[0]]) * pen / 2
        start, end = start + along * gap, end - along * gap
        shoulder = along * pen * shoulder_share
        corners = [start, start + shoulder + across, end - shoulder + across, end]
        corners += [end - shoulder - across, start + shoulder - across]
        points = np.array(corners)
        points[:, 0] += slant * (GLYPH_HEIGHT - points[:, 1])
        segments[name] = np.zeros((GLYPH_HEIGHT, width + room + 1), np.uint8)
        cv2.fillPoly(segments[name], [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    lit = list(SEGMENTS)
    for digit, names, share in OTHER_SEGMENTS:
        if make.random() < share:
            lit[digit] = names
    face = np.stack([np.max([segments[name] for name in names], axis=0) for names in lit])
    return face, np.max(list(segments.values()), axis=0)


def dot_digits(random: np.random.Generator) -> np.ndarray:
    """Returns a 5 by 7 dot-matrix face."""
    pitch = GLYPH_HEIGHT / 7
    size = random.uniform(0.72, 1.0) * pitch
    face = np.zeros((10, GLYPH_HEIGHT, round(5 * pitch)), np.uint8)
    for mask, rows in zip(face, DOT_ROWS, strict=True):
        for y, row in enumerate(rows.split()):
            for x in np.flatnonzero(np.array(list(row)) == "1"):
                start = np.round((np.array([x, y]) + 0.5) * pitch - size / 2).astype(int)
                end = np.round((np.array([x, y]) + 0.5) * pitch + size / 2).astype(int) - 1
                cv2.rectangle(mask, tuple(map(int, start)), tuple(map(int, end)), 255, -1)
    return face


def random_digits(random: np.random.Generator) -> np.ndarray:
    """Returns the face of a mechanical counter: a font's digits or drafted ones, of a random weight."""
    if random.random() < 0.35:
        return drafted_digits(random)
    face = font_digits(str(random.choice(font_names())))
    change = int(random.integers(-3, 4))
    if abs(change) > 1:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (abs(change), abs(change)))
        operate = cv2.dilate if change > 0 else cv2.erode
        face = np.stack([operate(mask, kernel) for mask in face])
    return face
