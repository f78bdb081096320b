"""Meters of every kind drawn whole, each in the case that goes with its counter."""

import numpy as np

from retinanet.datasets.synthetic.electricity_cases import draw_electricity_case
from retinanet.datasets.synthetic.faces import DrawnFace, draw_face
from retinanet.datasets.synthetic.gas_cases import draw_gas_case
from retinanet.datasets.synthetic.windows import DrawnWindow

# Displays and plates without a counter are on meters of any kind.
ANY_CASE = (0.4, 0.5, 0.1)
CASES = (draw_face, draw_electricity_case, draw_gas_case)
# A few counters are in a case of another kind than theirs.
OWN_CASE_SHARE = 0.92


def draw_meter(random: np.random.Generator, window: DrawnWindow | None, unit: float) -> DrawnFace:
    """Returns a random meter.

    Args:
        random: the only source of chance.
        window: the counter that it shows; None for a plate without any.
        unit: height of the window's opening in pixels, or of one that might be there.
    """
    # from a stream of its own: a water meter looks the same whatever other kinds there are
    chance = random.spawn(1)[0]
    if window is None or window.label == "digital":
        draw = CASES[int(chance.choice(3, p=ANY_CASE))]
    elif chance.random() < OWN_CASE_SHARE:
        draw = CASES[("water", "electricity", "gas").index(window.meter)]
    else:
        draw = CASES[int(chance.integers(3))]
    return draw(random, window, unit)
