"""Parts of meters and boards that are taken for a counter though they are none: bar codes, plates, terminal covers."""

import cv2
import numpy as np

from retinanet.datasets.synthetic.electricity_cases import draw_screw
from retinanet.datasets.synthetic.labels import draw_bars, draw_coded_label, draw_serial_plate, print_data, put_line
from retinanet.datasets.synthetic.paint import color_near, line_frame

WIDTH = 520


def draw_bar_code(random: np.random.Generator) -> np.ndarray:
    """Returns a bar code with its number, or two below each other."""
    label = draw_coded_label(random, WIDTH)
    return np.concatenate([label, draw_coded_label(random, WIDTH)]) if random.random() < 0.25 else label


def draw_nameplate(random: np.random.Generator) -> np.ndarray:
    """Returns a meter's plate with its data and serial number, or the serial number's plate alone."""
    if random.random() < 0.4:
        return draw_serial_plate(random, WIDTH)
    height = round(WIDTH * random.uniform(0.35, 0.9))
    canvas = np.empty((height, WIDTH, 3), np.float32)
    canvas[:] = color_near(random, str(random.choice(["white", "silver", "grey", "cream"])), 1.0)
    meter = "electricity" if random.random() < 0.6 else "gas"
    print_data(random, canvas, (4, 4, WIDTH - 4, height - 4), [], meter, np.array([35.0] * 3, np.float32))
    return canvas


def draw_terminals(random: np.random.Generator) -> np.ndarray:
    """Returns a terminal cover: screws in a row, numbers beside them, cables that leave it."""
    height = round(WIDTH * random.uniform(0.3, 0.6))
    canvas = np.empty((height, WIDTH, 3), np.float32)
    body = color_near(random, str(random.choice(["grey", "black", "white", "cream"])), 0.8)
    canvas[:] = body
    count = int(random.integers(2, 9))
    y = round(height * random.uniform(0.3, 0.6))
    ink = np.array([225.0] * 3 if body.mean() < 110 else [40.0] * 3, np.float32)
    for number in range(count):
        x = round(WIDTH * (number + 0.5) / count)
        radius = round(min(WIDTH / count * 0.3, height * 0.14))
        if random.random() < 0.5:
            line_frame(
                canvas, (x - 2 * radius, y - 2 * radius, x + 2 * radius, y + 2 * radius), body * 0.5, radius // 3
            )
        draw_screw(random, canvas, (x, y), radius)
        if random.random() < 0.8:
            put_line(canvas, str(number + 1), (x, min(y + 2 * radius + 4, height - 20)), 14, 40, ink)
        color = color_near(random, str(random.choice(["black", "red", "blue", "grey", "yellow"])), 0.9)
        cv2.line(canvas, (x, height - 1), (x, round(height * 0.85)), color.tolist(), radius, cv2.LINE_AA)
    if random.random() < 0.5:
        warning = str(random.choice(["DANGER 230 V", "1 S L N 2", "TERMINAL COVER", "N 1 3 4 6"]))
        put_line(canvas, warning, (WIDTH // 2, 8), round(height * 0.08), WIDTH * 0.8, ink)
    return canvas


def draw_impulses(random: np.random.Generator) -> np.ndarray:
    """Returns a panel with the constant of a meter, its lamp and its registers' names: numbers, but no reading."""
    height = round(WIDTH * random.uniform(0.2, 0.45))
    canvas = np.empty((height, WIDTH, 3), np.float32)
    dark = random.random() < 0.35
    canvas[:] = color_near(random, "black" if dark else str(random.choice(["white", "grey", "cream"])), 1.0)
    ink = np.array([225.0] * 3 if dark else [35.0] * 3, np.float32)
    constant = int(random.choice([400, 600, 800, 1000, 1600, 3200, 6400, 10000]))
    text = str(random.choice(["imp/kWh", "imp/kW h", "Rev/kWh", "imp/m³", "Pulse/kWh", "r/kWh"]))
    line = round(height * random.uniform(0.2, 0.4))
    put_line(canvas, f"{constant} {text}", (WIDTH // 2, round(height * 0.12)), line, WIDTH * 0.8, ink, "arimo-700")
    names = " ".join(
        str(name) for name in random.choice(["1.8.0", "1.8.1", "2.8.0", "T1", "T2", "kWh", "MD", "96.1"], 4)
    )
    put_line(canvas, names, (WIDTH // 2, round(height * 0.65)), round(line * 0.6), WIDTH * 0.7, ink)
    lamp = round(WIDTH * random.uniform(0.05, 0.95)), round(height * 0.8)
    cv2.circle(canvas, lamp, round(height * 0.06), color_near(random, "red", 1.1).tolist(), -1, cv2.LINE_AA)
    if random.random() < 0.3:
        draw_bars(random, canvas, (20, round(height * 0.84), WIDTH - 20, height - 4))
    return canvas
