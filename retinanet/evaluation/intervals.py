"""Figures that stand in more than one report."""

import math


def wilson_interval(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Returns the lower and upper end of the interval of a share, right / count, each 0 to 1; (0, 1) without any.

    Wilson's score interval holds for small counts and for shares near 0 and 1, where the usual one fails
    (E. B. Wilson, 1927). The default z gives 95 %.

    Raises:
        ValueError: not 0 <= right <= count.
    """
    if not 0 <= right <= count:
        raise ValueError(f"expected 0 <= right <= count, got {right} of {count}")
    if not count:
        return 0.0, 1.0
    share = right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)
