"""The glass of an electronic display: its light, what darkens it, and the ink on it.

Pictures are float32 RGB (height, width, 3), 0 to 255; ink is float32 (height, width), 0 clear to 1 opaque.
"""

import dataclasses

import cv2
import numpy as np

from retinanet.datasets.synthetic.paint import blend, smooth_noise

# Ground and ink of the glass, and the share of displays that look so: lit in a color, lit white, not lit, glowing
# digits on dark.
LOOKS = (
    ((45, 190, 85), (12, 66, 34), 0.1),
    ((0, 235, 150), (0, 120, 70), 0.05),
    ((20, 100, 45), (6, 34, 18), 0.05),
    ((120, 225, 40), (34, 80, 20), 0.04),
    ((85, 215, 240), (24, 70, 130), 0.08),
    ((70, 140, 235), (24, 40, 120), 0.08),
    ((150, 165, 240), (60, 60, 140), 0.05),
    ((250, 185, 30), (96, 60, 10), 0.03),
    ((225, 205, 130), (50, 44, 28), 0.03),
    ((205, 220, 250), (70, 84, 130), 0.08),
    ((252, 253, 255), (60, 90, 160), 0.05),
    ((235, 236, 232), (70, 72, 78), 0.05),
    ((150, 165, 135), (34, 42, 36), 0.09),
    ((175, 182, 178), (40, 42, 48), 0.06),
    ((112, 120, 82), (48, 54, 40), 0.05),
    ((84, 96, 82), (34, 42, 36), 0.03),
    ((44, 48, 42), (14, 16, 14), 0.02),
    ((40, 110, 100), (10, 44, 46), 0.02),
    ((18, 14, 14), (255, 60, 40), 0.015),
    ((14, 18, 16), (70, 250, 120), 0.01),
    ((40, 60, 170), (225, 238, 250), 0.015),
)
# Mean difference of ground and ink, 0 to 255, below which digits are faint.
FAINT_BELOW = 45


@dataclasses.dataclass(frozen=True)
class GlassLook:
    """Colors of a glass: `ground` and `ink` (3,) RGB; `lit` tells whether light comes from behind it."""

    ground: np.ndarray
    ink: np.ndarray
    lit: bool


def random_look(random: np.random.Generator) -> GlassLook:
    """Returns colors of a glass; the ink is now and then so pale that it hardly shows."""
    shares = np.array([share for *_, share in LOOKS])
    look = LOOKS[int(random.choice(len(LOOKS), p=shares / shares.sum()))]
    ground, ink = (np.array(color) + random.normal(0, 14) + random.normal(0, 8, 3) for color in look[:2])
    lit = bool(np.ptp(look[0]) > 70 or np.mean(look[0]) > 200)
    fade = random.uniform(0.0, 0.4) if random.random() < 0.78 else random.uniform(0.4, 0.78)
    if lit:
        # what shines too brightly for the camera turns pale, and the ink with it
        glow = random.uniform(0.85, 1.15) if random.random() < 0.75 else random.uniform(1.15, 1.6)
        ground, ink = ground * glow + 60 * max(0.0, glow - 1.15), ink * glow
    ground, ink = np.clip(ground, 3, 255), np.clip(ink, 3, 255)
    return GlassLook(ground.astype(np.float32), (ink + (ground - ink) * fade).astype(np.float32), lit)


def stamp(ink: np.ndarray, mask: np.ndarray, corner: tuple[int, int], share: float = 1.0) -> None:
    """Adds a uint8 mask to the ink, `share` as dark, its top-left at corner (x, y); the glass cuts it off."""
    x, y = corner
    height, width = ink.shape
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + mask.shape[1]), min(height, y + mask.shape[0])
    if x0 < x1 and y0 < y1:
        part = ink[y0:y1, x0:x1]
        np.maximum(part, mask[y0 - y : y1 - y, x0 - x : x1 - x] * np.float32(share / 255), out=part)


def draw_glass(random: np.random.Generator, look: GlassLook, ink: np.ndarray, digit_height: float) -> np.ndarray:
    """Returns a glass with this ink on it, as it looks through the bezel of a meter.

    Args:
        random: the only source of chance.
        look: its colors.
        ink: see above.
        digit_height: of the reading's digits in pixels.
    """
    height, width = ink.shape
    glass = np.empty((height, width, 3), np.float32)
    glass[:] = look.ground
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None]
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slopes = random.normal(0, 0.1 if look.lit else 0.06, 2)
    field = 1 + slopes[0] * columns + slopes[1] * rows
    if look.lit and random.random() < 0.35:
        # lamps stand at an end, or light the middle alone
        middle = random.choice([-1.0, 1.0, 0.0])
        field = field * (1 + random.uniform(0.1, 0.5) * (0.5 - np.abs(columns - middle)))
    glass *= field[..., None]
    # what hardly shows is not hidden further
    clear = float(np.abs(look.ground - look.ink).mean()) > FAINT_BELOW
    if clear and random.random() < 0.35:
        # one side or the middle of the ink pales, as the eye does not look at it straight
        at = random.uniform(-1, 1)
        ink = ink * (1 - random.uniform(0.2, 0.6) * np.exp(-(((columns - at) / random.uniform(0.2, 0.8)) ** 2)))
    if random.random() < 0.3:
        # digits stand above the ground and throw a shadow on it
        shift = np.round(random.uniform(0.02, 0.07, 2) * digit_height).astype(int)
        matrix = np.array([[1, 0, shift[0] * random.choice([-1, 1])], [0, 1, shift[1]]], np.float32)
        shadow = cv2.warpAffine(ink, matrix, (width, height))
        glass *= (1 - random.uniform(0.05, 0.3) * cv2.GaussianBlur(shadow, (0, 0), 1.2))[..., None]
    if clear and random.random() < 0.14:
        glass = _stain(random, glass, digit_height)
    glass = blend(glass, look.ink, ink)
    if random.random() < 0.55:
        glass *= _recess_shadow(random, (height, width))[..., None]
    if clear and random.random() < 0.16:
        glass = _glare(random, glass, digit_height)
    if random.random() < 0.06:
        _strands(random, glass)
    elif random.random() < 0.03:
        _mesh(random, glass, digit_height)
    return glass


def _recess_shadow(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Returns (height, width) of light, darker along the top and an upright edge, where the bezel shades the glass."""
    height, width = shape
    light = np.ones(shape, np.float32)
    soft = max(0.7, height * random.uniform(0.005, 0.05))
    reach_y, reach_x = height * random.uniform(0.02, 0.16), height * random.uniform(0.0, 0.16)
    strength = random.uniform(0.2, 0.75)
    rows, columns = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    columns = columns if random.random() < 0.7 else columns[::-1]
    across = 1 / (1 + np.exp(np.clip((rows - reach_y) / soft, -30, 30)))
    along = 1 / (1 + np.exp(np.clip((columns - reach_x) / soft, -30, 30)))
    return light * (1 - strength * np.maximum(across[:, None], along[None]))


def _stain(random: np.random.Generator, glass: np.ndarray, unit: float) -> np.ndarray:
    """Returns the glass with a dark blot over some digits, as liquid crystal leaks."""
    height, width = glass.shape[:2]
    blot = np.zeros((height, width), np.float32)
    centre = random.uniform(0.15, 0.85) * width, random.uniform(0.2, 0.8) * height
    axes = unit * random.uniform(0.4, 1.6), unit * random.uniform(0.25, 0.7)
    cv2.ellipse(blot, tuple(map(round, centre)), tuple(map(round, axes)), random.uniform(-25, 25), 0, 360, 1.0, -1)
    blurred = cv2.GaussianBlur(blot, (0, 0), max(1.0, unit * random.uniform(0.08, 0.3)))
    blurred *= np.clip(0.85 + 0.4 * smooth_noise(random, (height, width), 5), 0, 1)
    return glass * (1 - random.uniform(0.2, 0.5) * blurred)[..., None]


def _glare(random: np.random.Generator, glass: np.ndarray, unit: float) -> np.ndarray:
    """Returns the glass with a light that pales one to three digits."""
    height, width = glass.shape[:2]
    columns, rows = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    reach = unit * random.uniform(0.3, 1.2)
    lean = random.normal(0, 0.5)
    distance = (columns - random.uniform(0, width) + lean * (rows - height / 2)) / reach
    veil = np.exp(-(np.abs(distance) ** random.uniform(2, 8))) * random.uniform(0.25, 0.7)
    if random.random() < 0.5:
        veil = veil * np.exp(-(((rows - random.uniform(0, height)) / (height * random.uniform(0.3, 0.9))) ** 2))
    return glass + (np.array([250, 252, 250], np.float32) - glass) * veil.astype(np.float32)[..., None]


def _strands(random: np.random.Generator, glass: np.ndarray) -> None:
    """Paints bright cracks, or the threads of a torn film or a mesh, in front of the glass."""
    height, width = glass.shape[:2]
    tone = np.full(3, random.uniform(120, 250), np.float32)
    share = np.zeros((height, width), np.float32)
    for _ in range(int(random.integers(2, 8))):
        start = random.uniform(0, [width, height])
        steps = random.normal(0, [0.12 * height, 0.3 * height], (4, 2)).cumsum(axis=0)
        points = np.round(np.concatenate([[start], start + steps]) * 16).astype(np.int32)
        thick = int(random.integers(1, 3))
        cv2.polylines(share, [points], False, float(random.uniform(0.3, 0.8)), thick, cv2.LINE_AA, shift=4)
    glass += (tone - glass) * share[..., None]


def _mesh(random: np.random.Generator, glass: np.ndarray, unit: float) -> None:
    """Paints the wires of a mesh in front of the glass."""
    height, width = glass.shape[:2]
    share = np.zeros((height, width), np.float32)
    step = unit * random.uniform(0.7, 1.8)
    lean = random.uniform(-1.2, 1.2)
    for sign in (-1, 1):
        for x in np.arange(-height, width + height, step) + random.uniform(0, step):
            ends = (round(x), 0), (round(x + sign * height * (1 + lean / 3)), height)
            cv2.line(share, *ends, float(random.uniform(0.5, 0.9)), max(1, round(unit * 0.04)), cv2.LINE_AA)
    glass += (np.full(3, random.uniform(20, 190), np.float32) - glass) * share[..., None]


def darken_round(random: np.random.Generator, photo: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Returns the photo as taken in the dark, where a lit glass with these corners (4, 2) shines; others stay as is."""
    area = np.zeros(photo.shape[:2], np.float32)
    cv2.fillPoly(area, [np.round(corners * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    inside = area > 0.5
    if not inside.any() or photo[inside].max(axis=1).mean() < 150:
        return photo
    glow = cv2.resize(area, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    reach = np.sqrt(max(64.0, inside.sum())) / 8
    glow = cv2.GaussianBlur(glow, (0, 0), float(reach * random.uniform(0.3, 0.8)))
    glow = cv2.resize(glow, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    light = random.uniform(0.05, 0.35) + glow * random.uniform(0.2, 0.8)
    tone = np.clip(photo[inside].mean(axis=0) / 200, 0.2, 1.2)
    dark = photo * (light[..., None] * tone)
    return dark + (photo - dark) * area[..., None]
