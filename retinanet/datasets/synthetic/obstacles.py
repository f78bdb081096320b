"""What stands before a meter in a photo and leaves its counter legible: wire mesh or bars."""

import cv2
import numpy as np

from deploy.recognition.geometry import side_lengths
from retinanet.datasets.synthetic.paint import color_near


def draw_mesh(random: np.random.Generator, photo: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Returns the photo, float32 RGB, behind wire mesh or bars.

    Wires are about as thick as a stroke of the digits of the window at `corners` (4, 2), and bars stand far apart, so
    that what is behind them can still be read.
    """
    height, width = photo.shape[:2]
    _, across = side_lengths(corners)
    photo = photo.copy()
    bars = random.random() < 0.35
    pitch = max(12.0, across * (random.uniform(3.0, 7.0) if bars else random.uniform(0.9, 3.0)))
    thick = max(1, round(min(across * random.uniform(0.05, 0.14), pitch * 0.12)))
    color = color_near(random, str(random.choice(["grey", "black", "silver", "brown", "green"])), 0.8)
    tilt = random.normal(0, 0.06) + (np.pi / 4 if not bars and random.random() < 0.3 else 0.0)
    reach = float(np.hypot(height, width))
    middle = np.array([width, height]) / 2
    wave = random.uniform(0, 0.08) * pitch * (random.random() < 0.5)
    for turn in (np.pi / 2,) if bars else (0.0, np.pi / 2):
        along = np.array([np.cos(tilt + turn), np.sin(tilt + turn)])
        aside = np.array([-along[1], along[0]])
        for place in np.arange(-reach / 2, reach / 2, pitch) + random.uniform(0, pitch):
            steps = np.linspace(-reach / 2, reach / 2, 40 if wave else 2)
            bend = wave * np.sin(steps * np.pi / pitch + place)
            points = middle + aside * place + steps[:, None] * along + bend[:, None] * aside
            fixed = [np.round(points * 16).astype(np.int32)]
            for share, tone in ((1.0, 0.55), (0.4, 1.15)):
                shade = np.clip(color * tone, 0, 255).tolist()
                cv2.polylines(photo, fixed, False, shade, max(1, round(thick * share)), cv2.LINE_AA, shift=4)
    return photo
