"""The row of digits that a display shows, and how the glass is laid out round it."""

import dataclasses

import numpy as np

DIGIT_HEIGHTS = (40.0, 80.0)  # pixels
# How a glass is laid out: the digits alone, above a second row of small ones, below the units, cut off by the bezel at
# their lower ends, or on a tall glass.
LAYOUTS = {"plain": 0.44, "second_row": 0.27, "low": 0.1, "cut": 0.09, "tall": 0.1}
# Digits' height in shares of the glass's, and how much of the room left is above them.
FILLS = {
    "plain": ((0.5, 0.88), (0.2, 0.7)),
    "second_row": ((0.42, 0.66), (0.05, 0.35)),
    "low": ((0.42, 0.6), (0.75, 0.98)),
    "cut": ((0.6, 0.95), (1.0, 1.0)),
    "tall": ((0.35, 0.8), (0.15, 0.65)),
}
TALL_ASPECTS, SMALLEST_ASPECT, LARGEST_ASPECT = (1.4, 2.3), 1.4, 9.2
DIGIT_COUNTS = {4: 0.06, 5: 0.26, 6: 0.2, 7: 0.18, 8: 0.3}
DECIMALS = {0: 0.32, 1: 0.16, 2: 0.34, 3: 0.14, 4: 0.04}
SMALL_SHARE, FAINT_SHARE = 0.5, 0.12
# Without a visible point, decimals that look no different are not a fraction for anybody who looks.
POINT_SHARE_BESIDE_SMALL = 0.75


@dataclasses.dataclass(frozen=True)
class DigitRow:
    """A reading and where its digits stand, in pixels of the glass.

    Attributes:
        digits: left to right; the last `decimals` are the fraction.
        decimals: digits after the comma.
        places: cells of the row, those left of the digits dark.
        lefts: left edge of each cell.
        sizes: (width, height) of each cell.
        bottom: of all cells, beyond the glass where the bezel cuts digits off.
        shares: how dark each cell's digit is, 0 to 1.
        has_point: a point stands before the decimals.
        layout: of LAYOUTS.
    """

    digits: tuple[int, ...]
    decimals: int
    places: int
    lefts: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...]
    bottom: int
    shares: tuple[float, ...]
    has_point: bool
    layout: str

    @property
    def height(self) -> int:
        """Height of a whole digit in pixels."""
        return self.sizes[0][1]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """What the row takes of the glass: left, top, right, bottom."""
        return self.lefts[0], self.bottom - self.height, self.lefts[-1] + self.sizes[-1][0], self.bottom

    @property
    def marks_fraction(self) -> bool:
        """Tells whether the decimals look different from the digits before them."""
        return bool(self.decimals) and (self.sizes[-1] != self.sizes[0] or self.shares[-1] != self.shares[0])

    @property
    def reading(self) -> str:
        """The text, with a comma where something shows that there is one."""
        text = "".join(map(str, self.digits))
        return f"{text[: -self.decimals]},{text[-self.decimals :]}" if self.decimals else text


def _pick(random: np.random.Generator, shares: dict):
    values = list(shares)
    return values[int(random.choice(len(values), p=np.array(list(shares.values())) / sum(shares.values())))]


def random_digits(random: np.random.Generator, places: int, decimals: int) -> tuple[int, ...]:
    """Returns digits of a reading: mostly as many as there are places, padded with zeros, seldom fewer than three."""
    if random.random() < 0.14:
        return tuple(
            random.integers(0, 10, int(random.integers(min(places, max(decimals + 1, 3)), places + 1))).tolist()
        )
    digits = random.integers(0, 10, places)
    if random.random() < 0.7:
        digits[: int(random.integers(0, max(1, places - decimals)))] = 0
    return tuple(digits.tolist())


def random_row(
    random: np.random.Generator, face_aspect: float, before: float, after: float
) -> tuple[DigitRow, tuple[int, int]]:
    """Returns a random row of digits and the (width, height) of its glass.

    Args:
        random: the only source of chance.
        face_aspect: width over height of the digits' face; photos of displays are stretched by a third and more.
        before: room to keep free before the first place, in digits' heights.
        after: the same after the last one.
    """
    layout = str(_pick(random, LAYOUTS))
    height = round(random.uniform(*DIGIT_HEIGHTS))
    places = int(_pick(random, DIGIT_COUNTS))
    decimals = min(int(_pick(random, DECIMALS)), places - 1)
    small = random.uniform(0.42, 0.72) if random.random() < SMALL_SHARE and decimals else 1.0
    faint = random.uniform(0.35, 0.65) if random.random() < FAINT_SHARE and decimals and small == 1 else 1.0
    if layout == "cut":
        # the point and most of half-high decimals would be behind the bezel
        decimals, small, faint = 0, 1.0, 1.0
    stretch = (
        random.uniform(0.55, 0.9) if layout == "tall" else float(np.exp(random.uniform(np.log(0.75), np.log(1.5))))
    )
    width = height * face_aspect * stretch
    pitch = width * random.uniform(1.08, 1.42)
    narrow = random.uniform(small, min(1.0, small * 1.15))

    lefts, sizes, x = [], [], height * (random.uniform(0.08, 0.4) + before)
    if random.random() < 0.2:
        x += height * random.uniform(0.3, 1.5)
    for place in range(places):
        fraction = place >= places - decimals
        if decimals and place == places - decimals:
            x += width * random.uniform(0.0, 0.3)
        across, down = (narrow, small) if fraction else (1.0, 1.0)
        lefts.append(x)
        sizes.append((max(3, round(width * across)), max(6, round(height * down))))
        x += pitch * across
    glass_width = round(x - (pitch - width) + height * (random.uniform(0.05, 0.35) + after))
    glass_height, bottom = _glass_height(random, layout, height, glass_width)
    digits = random_digits(random, places, decimals)
    has_point = bool(decimals) and (small == faint == 1 or random.random() < POINT_SHARE_BESIDE_SMALL)
    shares = tuple(faint if place >= places - decimals else 1.0 for place in range(places))
    row = DigitRow(digits, decimals, places, tuple(lefts), tuple(sizes), bottom, shares, has_point, layout)
    return row, (glass_width, glass_height)


def _glass_height(random: np.random.Generator, layout: str, height: int, glass_width: int) -> tuple[int, int]:
    """Returns the glass's height and where the digits end, from its top; beyond it where they are cut off."""
    fill, above = (random.uniform(*span) for span in FILLS[layout])
    glass = height / fill
    if layout == "tall":
        glass = max(glass_width / random.uniform(*TALL_ASPECTS), height * 1.1)
    glass = float(np.clip(glass, glass_width / LARGEST_ASPECT, max(glass_width / SMALLEST_ASPECT, height * 1.1)))
    if layout == "cut":
        glass = max(glass_width / LARGEST_ASPECT, height * random.uniform(0.85, 1.3))
        return round(glass), round(glass + height * random.uniform(0.04, 0.28))
    return round(glass), round((glass - height) * above + height)
