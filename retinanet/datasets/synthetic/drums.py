"""Number wheels as seen through their openings, and the makes they belong to."""

import dataclasses

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.paint import blend, color_near, smooth_noise

# Ground and ink of the whole wheels, of the fraction's, and whether a red frame stands round the fraction.
SCHEMES = {
    **{("white", "black", "white", "red", False): 38, ("black", "white", "red", "white", False): 20},
    **{("white", "black", "red", "white", False): 8, ("white", "black", "red", "black", False): 4},
    **{("white", "black", "orange", "black", False): 5, ("white", "black", "orange", "white", False): 1},
    **{("white", "black", "white", "black", False): 8, ("black", "white", "black", "white", False): 6},
    **{("white", "black", "white", "black", True): 4, ("black", "white", "black", "white", True): 5},
    **{("black", "white", "white", "red", False): 4, ("white", "black", "white", "red", True): 3},
    **{("black", "white", "black", "red", False): 1, ("black", "white", "white", "black", False): 2},
    **{("yellow", "black", "yellow", "red", False): 1, ("white", "black", "black", "white", False): 2},
    **{("white", "black", "yellow", "black", False): 1, ("cream", "black", "cream", "red", False): 5},
    **{("cream", "brown", "cream", "orange", False): 2, ("grey", "black", "grey", "red", False): 4},
}


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
        sides: two numbers 0 to 1, how dark the wheel gets at its left and right edge.
        slots: each wheel has an opening of its own.
        teeth: width of the gear teeth beside each wheel, 0 without; they stand at its right, negative at its left.
        shift: of the digits to the right in shares of their width, as a camera from the side sees them; part of them
            may be hidden then.
        wall: width of the dark side of the opening that such a camera sees.
        ticks: parts into which lines at the right edge divide each digit of the last wheel, 0 without.
        tick_reach: how far they reach into the wheel, in shares of its width; its digits make way for half of that.
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
    sides: tuple[float, float]
    slots: bool
    teeth: float
    shift: float
    wall: float
    ticks: int
    tick_reach: float
    downwards: bool

    @property
    def marks_fraction(self) -> bool:
        """Whether the scheme's colors or a frame tell the fraction from the whole wheels."""
        return self.scheme[4] or self.scheme[:2] != self.scheme[2:4]


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
    glyph_height = random.uniform(0.45, 0.88)
    natural = face.shape[2] / face.shape[1]
    glyph_width = float(np.clip(glyph_height * natural * random.uniform(0.8, 1.3), 0.26, 0.8))
    cell = glyph_width * random.uniform(1.08, 1.6)
    pitch = cell * (random.uniform(1.12, 1.9) if slots else random.uniform(1.0, 1.08))
    teeth = 0.0
    if random.random() < (0.15 if slots else 0.5):
        teeth = random.uniform(0.12, 0.4) * glyph_width
        pitch += 0.0 if slots else teeth
        cell += teeth
    shift = random.normal(0, 0.05) if random.random() < 0.8 else random.uniform(-0.3, 0.3)
    muted = random.uniform(0.7, 1.05)
    grounds = color_near(random, scheme[0], muted), color_near(random, scheme[2], muted)
    if scheme[0] == scheme[2] and random.random() < 0.8:
        grounds = (grounds[0], grounds[0])
    # Print fades; red more than black, and on the wheels that turn most until hardly anything is left.
    fading = random.uniform(0, 0.55) * (random.random() < 0.5)
    whole, fraction = (
        color_near(random, name, 1.0) * (1 - fade) + ground * fade
        for name, ground, fade in zip((scheme[1], scheme[3]), grounds, (fading, fading * 1.4), strict=True)
    )
    return WindowStyle(
        face=face,
        scheme=scheme,
        grounds=grounds,
        inks=(whole, fraction),
        pitch=max(pitch, cell),
        cell=cell,
        glyph=(glyph_width, glyph_height),
        step=glyph_height * random.uniform(1.08, 1.6),
        bulge=random.uniform(0.0, 0.85),
        shade=random.uniform(0.0, 0.55) ** 1.3,
        sides=tuple(random.uniform(0, 0.7, 2) * (random.random(2) < 0.5)),
        slots=slots,
        teeth=teeth if random.random() < 0.75 else -teeth,
        shift=shift,
        wall=abs(shift) * glyph_width * random.uniform(0, 0.9) if slots else 0.0,
        ticks=int(random.choice([2, 5, 10])) if random.random() < 0.4 else 0,
        tick_reach=random.uniform(0.12, 0.34),
        downwards=bool(random.random() < 0.07),
    )


def draw_wheel(
    random: np.random.Generator,
    style: WindowStyle,
    phase: float,
    size: tuple[int, int],
    unit: float,
    fraction: bool,
    last: bool = False,
) -> np.ndarray:
    """Returns a wheel as seen through its opening, float32 RGB (height, width, 3).

    Args:
        random: for the wear of its print.
        style: the make.
        phase: turn in digits, any real number.
        size: (width, height) of what is seen, pixels.
        unit: pixels of a length of 1 in the style.
        fraction: wears the fraction's colors.
        last: is the wheel that may carry ticks.
    """
    width, height = size
    ground, ink = style.grounds[fraction], style.inks[fraction]
    rows = (np.arange(height) + 0.5) / height * 2 - 1
    if style.bulge > 0.05:
        rows = np.arcsin(rows * style.bulge) / style.bulge
    turns = rows * height / 2 / (style.step * unit)
    position = phase - turns if style.downwards else phase + turns
    reach = max(2, round(style.tick_reach * width)) if last and style.ticks else 0
    mask = _digits_at(style, position, width, unit, reach // 2)
    wheel = np.empty((height, width, 3), np.float32)
    wheel[:] = ground
    if style.teeth > 0:
        _draw_teeth(wheel, position, round(style.teeth * unit), ground)
    elif style.teeth < 0:
        _draw_teeth(wheel[:, ::-1], position, round(-style.teeth * unit), ground)
    if random.random() < 0.25:
        worn = smooth_noise(random, (height, width), 6)
        mask = mask * np.clip(1.0 - random.uniform(0.2, 0.9) * np.maximum(worn, 0), 0, 1)
    if reach:
        lines = np.abs(position * style.ticks - np.round(position * style.ticks)) < 0.5 * random.uniform(0.3, 0.5)
        mask[:, -reach:] = np.maximum(mask[:, -reach:], lines[:, None])
    wheel = blend(wheel, ink, mask)
    wall = round(style.wall * unit)
    if wall:
        side = wheel[:, :wall] if style.shift > 0 else wheel[:, -wall:]
        side *= random.uniform(0.2, 0.5)
    return wheel


def _digits_at(style: WindowStyle, position: np.ndarray, width: int, unit: float, aside: int) -> np.ndarray:
    """Returns the coverage by digits, (rows, width) 0 to 1, of rows that lie at these turns of the drum.

    The digits stand `aside` pixels to the left of where they stand on other wheels.
    """
    step = style.step * unit
    glyph_width, glyph_height = max(3, round(style.glyph[0] * unit)), max(4, round(style.glyph[1] * unit))
    glyph_width = min(glyph_width, width)
    first, last = int(np.floor(position.min() - 0.5)), int(np.ceil(position.max() + 0.5))
    strip_rows = round(step)
    strip = np.zeros(((last - first + 1) * strip_rows + 2, width), np.float32)
    left = round((width - style.teeth * unit - glyph_width) / 2 + style.shift * glyph_width) - aside
    hidden = max(0, -left)
    for number in range(first, last + 1):
        glyph = cv2.resize(style.face[number % 10], (glyph_width, glyph_height), interpolation=cv2.INTER_AREA)
        if style.downwards:
            # Rows run against the numbers then.
            glyph = glyph[::-1]
        top = (number - first) * strip_rows + (strip_rows - glyph_height) // 2
        part = strip[max(0, top) : top + glyph_height, max(0, left) : left + glyph_width]
        seen = glyph[max(0, -top) :, hidden:][: part.shape[0], : part.shape[1]]
        np.maximum(part, seen / np.float32(255), out=part)
    source = ((position - first) * strip_rows + strip_rows / 2 - 0.5).astype(np.float32)
    source = np.repeat(source[:, None], width, axis=1)
    columns = np.repeat(np.arange(width, dtype=np.float32)[None], len(position), axis=0)
    return cv2.remap(strip, columns, source, cv2.INTER_LINEAR)


def _draw_teeth(wheel: np.ndarray, position: np.ndarray, width: int, ground: np.ndarray) -> None:
    """Paints the gear's teeth onto the right side of the wheel: dark gaps that turn with it."""
    if width < 2:
        return
    dark = ground * 0.25 if ground.mean() > 90 else ground * 0.4
    bright = ground * 0.9 if ground.mean() > 90 else ground + 45
    gaps = (np.floor(position * 2 + 0.5) % 2 == 0)[:, None, None]
    wheel[:, -width:] = np.where(gaps, dark, bright)
    wheel[:, -width : -width + max(1, width // 6)] = dark * 0.8


def draw_shading(random: np.random.Generator, style: WindowStyle, size: tuple[int, int]) -> np.ndarray:
    """Returns what is left of the light on a drum, (height, width) float32, 0 to 1; size is (width, height)."""
    width, height = size
    rows, columns = np.linspace(-1, 1, height), np.linspace(0, 1, width)
    tilt = random.uniform(-0.15, 0.15)
    light = 1 - style.shade * np.abs(rows + tilt) ** random.uniform(1.5, 3.5)
    steepness = random.uniform(3, 14)
    edges = 1 - style.sides[0] * np.exp(-columns * steepness) - style.sides[1] * np.exp((columns - 1) * steepness)
    # The upper edge of the opening throws a shadow on the drum.
    shadow = 1 - random.uniform(0, 0.45) * np.exp(-(rows + 1) * random.uniform(4, 14))
    return np.clip(np.outer(light * shadow, edges), 0.05, 1).astype(np.float32)
