"""Makes of gas and electricity meters, and of counters with a unit beside the wheels: wheels, layout and strip."""

import dataclasses

import numpy as np

from retinanet.datasets.synthetic.drums import WindowStyle, random_style, weighted
from retinanet.datasets.synthetic.paint import color_near
from retinanet.datasets.synthetic.strips import Strip, unit_length

# Of drawn counters with wheels so many are such makes; all others are water meters.
MAKES = {"water": 65, "gas": 13, "electricity": 13, "unit": 9}

# (wheels, wheels of the fraction): how often.
GAS_LAYOUTS = {(8, 3): 60, (8, 2): 30, (7, 2): 4, (7, 3): 4, (6, 1): 2}
ELECTRICITY_LAYOUTS = {(6, 1): 60, (5, 1): 26, (7, 1): 5, (5, 0): 3, (6, 0): 4, (6, 2): 2}
UNIT_LAYOUTS = {(8, 3): 40, (6, 1): 25, (7, 2): 12, (5, 0): 8, (6, 0): 5, (7, 1): 5, (9, 3): 5}

GAS_UNITS = ("m³", "m³", "m3", "dm³", "dm3", "м³", "m³ x0,1", "M3")
ELECTRICITY_UNITS = ("kWh", "kWh", "KWH", "kW h", "кВт ч", "MWh", "x0,1", "x 10")
ABOVE = {
    "gas": ("m³", "m³", "Qmax 6 m³/h  V 1,2 dm³", "G4", "V 2 dm³  Pmax 0,5 bar", "No. 40718253", "dm³"),
    "electricity": ("kWh", "kWh", "KILOWATT HOURS", "CL. 2.0", "Energy Meter", "600 Rev/kWh", "240 V 10-40 A 50 Hz"),
    "water": ("m³", "Qn 1,5", "№ 0351842", "30°C"),
}
BELOW = {
    "gas": ("Qmax 7,5 m³/h  p 36 mbar", "1 imp = 0,01 m³", "No 30192645  1993", "Qmin 0,04 m³/h", "m³"),
    "electricity": ("KILOWATT HOURS", "Kilowatthours", "kWh", "A.C. SINGLE PHASE", "3200 imp/kWh", "1 PHASE 2 WIRE"),
    "water": ("m³", "PN 16", "R80 H", "T50"),
}


def random_make(random: np.random.Generator, name: str) -> tuple[WindowStyle, tuple[int, int], Strip]:
    """Returns wheels, (wheels, wheels of the fraction) and strip of a make: `gas`, `electricity` or `unit`."""
    return {"gas": _gas, "electricity": _electricity, "unit": _with_unit}[name](random)


def _black_wheels(random: np.random.Generator, pitch: float, glyph_height: float) -> WindowStyle:
    """Returns white digits on black wheels, narrow and far apart, hardly told from the strip round them."""
    style = random_style(random)
    natural = style.face.shape[2] / style.face.shape[1]
    width = float(np.clip(glyph_height * natural * random.uniform(0.75, 1.1), 0.24, 0.75 * pitch))
    ground = np.clip(random.uniform(14, 62) + random.normal(0, 4, 3), 4, 90).astype(np.float32)
    ink = np.clip(random.uniform(175, 245) + random.normal(0, 5, 3), 120, 252).astype(np.float32)
    return dataclasses.replace(
        style,
        scheme=("black", "white", "black", "white", False),
        grounds=(ground, ground),
        inks=(ink, ink),
        pitch=pitch,
        cell=pitch * random.uniform(0.85, 1.0),
        glyph=(width, glyph_height),
        step=glyph_height * random.uniform(1.12, 1.6),
        bulge=random.uniform(0.0, 0.8),
        sides=tuple(random.uniform(0, 0.6, 2) * (random.random(2) < 0.4)),
        slots=False,
        teeth=0.0,
        shift=float(random.normal(0, 0.04)),
        wall=0.0,
        ticks=int(random.choice([0, 10, 10, 10, 5])),
        tick_reach=random.uniform(0.14, 0.3),
        downwards=bool(random.random() < 0.12),
    )


def _plate(random: np.random.Generator) -> np.ndarray:
    color = color_near(random, str(random.choice(["white", "grey", "cream", "silver"], p=[0.5, 0.22, 0.1, 0.18])), 0.95)
    return (color + (color.mean() - color) * np.float32(random.uniform(0.3, 1.0))).astype(np.float32)


def _unit_texts(random: np.random.Generator, units: tuple[str, ...], share: float) -> dict:
    """Returns a unit beside the wheels for that share of strips, in fields of Strip."""
    if random.random() > share:
        return {}
    return {
        "unit": str(random.choice(units)),
        "unit_gap": random.uniform(0.12, 0.7),
        "unit_height": random.uniform(0.38, 0.85),
        "unit_font": str(random.choice(["arimo-400", "arimo-700", "roboto-400", "roboto-700", "roboto-condensed-700"])),
        "unit_left": bool(random.random() < 0.08),
    }


def _prints(random: np.random.Generator, meter: str) -> tuple[tuple[str, float], tuple[str, float]]:
    return _print(random, ABOVE[meter]), _print(random, BELOW[meter])


def _print(random: np.random.Generator, texts: tuple[str, ...]) -> tuple[str, float]:
    text = str(random.choice(texts)) if random.random() < 0.6 else ""
    return text, random.uniform(0.18, 0.5)


def _built(random: np.random.Generator, pads: list[float], **fields) -> Strip:
    """Returns a strip whose pads make room for its unit, with margins of the plate round it."""
    if fields.get("unit"):
        # the unit stands on the strip, or, where its pad ends early, half beyond
        needed = fields["unit_gap"] + unit_length(fields["unit"], fields["unit_font"], fields["unit_height"])
        side = 0 if fields["unit_left"] else 2
        pads[side] = max(pads[side], needed + random.uniform(0.1, 0.5))
    margins = [pad + random.uniform(0.3, 0.7) for pad in pads]
    below = 1.0 if fields.get("number") else 0.0
    margins[1] = max(margins[1] + 0.35, 0.5)
    margins[3] = max(margins[3] + 0.35 + below, 0.5)
    left, top, right, bottom = (max(0.5, margin) for margin in margins)
    return Strip(pads=(pads[0], pads[1], pads[2], pads[3]), margins=(left, top, right, bottom), **fields)


def _shadow(random: np.random.Generator) -> tuple[float, float, float] | None:
    if random.random() > 0.25:
        return None
    edge = random.uniform(0.2, 0.8)
    light = random.uniform(0.3, 0.75)
    return (0.0, edge, light) if random.random() < 0.6 else (edge, 1.0, light)


def _gas(random: np.random.Generator) -> tuple[WindowStyle, tuple[int, int], Strip]:
    layout = weighted(random, GAS_LAYOUTS)
    style = _black_wheels(random, random.uniform(0.72, 1.05), random.uniform(0.6, 0.86))
    plate = _plate(random)
    separate = random.random() < 0.12
    name = str(random.choice(["red", "orange", "blue"], p=[0.84, 0.1, 0.06]))
    red = color_near(random, name, random.uniform(0.75, 1.1))
    tinted_strip = not separate and random.random() < 0.25
    if not tinted_strip or random.random() < 0.3:
        style = dataclasses.replace(
            style,
            scheme=("black", "white", "red", "white", False),
            grounds=(style.grounds[0], red),
            cell=style.pitch * random.uniform(0.66, 1.0),
        )
    if separate:
        style = dataclasses.replace(style, slots=True, cell=style.pitch * random.uniform(0.6, 0.8))
    if random.random() < 0.06:
        style = dataclasses.replace(style, grounds=(color_near(random, "blue", 0.7), style.grounds[1]))
    tailed = not separate and random.random() < 0.5
    pads = [random.uniform(0.05, 0.45), random.uniform(0.02, 0.4), random.uniform(0.1, 0.6), random.uniform(0.02, 0.4)]
    if tailed:
        pads[2] = random.uniform(0.7, 1.3)
    rim = np.array([random.uniform(170, 240)] * 3, np.float32) if random.random() < 0.4 and not separate else None
    number = ""
    if random.random() < (0.7 if separate else 0.12):
        number = "".join(map(str, random.integers(0, 10, int(random.integers(7, 10)))))
    tail = random.uniform(0.4, 0.9) if tailed else 0.0
    return (
        style,
        layout,
        _built(
            random,
            [0.0] * 4 if separate else pads,
            meter="gas",
            plate=plate,
            ground=None if separate else np.clip(style.grounds[0] * random.uniform(0.7, 1.4), 4, 110),
            ink=np.array([random.uniform(25, 80)] * 3, np.float32),
            radius=random.uniform(0, 0.2) * (not tailed),
            tail=tail,
            fraction_ground=red if tinted_strip else None,
            rim=rim,
            index=random.uniform(0.05, 0.12) if not separate and random.random() < 0.6 else 0.0,
            comma=random.uniform(0.14, 0.24) if random.random() < 0.45 else 0.0,
            number=number,
            prints=_prints(random, "gas"),
            shadow=None if separate else _shadow(random),
            **({} if tailed else _unit_texts(random, GAS_UNITS, 0.45)),
        ),
    )


def _electricity(random: np.random.Generator) -> tuple[WindowStyle, tuple[int, int], Strip]:
    layout = weighted(random, ELECTRICITY_LAYOUTS)
    style = _black_wheels(random, random.uniform(0.85, 1.4), random.uniform(0.55, 0.8))
    style = dataclasses.replace(style, step=style.glyph[1] * random.uniform(1.1, 1.4))
    separate = random.random() < 0.25
    frame = fraction_ground = None
    frame_name = str(random.choice(["red", "orange", "white"], p=[0.6, 0.22, 0.18]))
    ground_name = "red" if random.random() < 0.7 else "orange"
    kind = random.random()
    if kind < 0.45 and not separate:
        fraction_ground = color_near(random, ground_name, random.uniform(0.8, 1.1))
        style = dataclasses.replace(style, cell=style.pitch * random.uniform(0.62, 0.85))
    elif kind < 0.75:
        frame = color_near(random, frame_name, random.uniform(0.8, 1.1))
    elif kind < 0.88:
        red = color_near(random, "red", random.uniform(0.75, 1.1))
        scheme = ("black", "white", "red", "white", False)
        style = dataclasses.replace(style, scheme=scheme, grounds=(style.grounds[0], red))
    elif kind < 0.93:
        pale, dark = color_near(random, "white", 1.0), np.array([40.0, 40, 42], np.float32)
        style = dataclasses.replace(style, grounds=(style.grounds[0], pale), inks=(style.inks[0], dark))
    if separate:
        style = dataclasses.replace(style, slots=True, cell=style.pitch * random.uniform(0.5, 0.75))
    pads = [
        random.uniform(0.05, 0.35),
        random.uniform(0.08, 0.35),
        random.uniform(0.08, 0.4),
        random.uniform(0.08, 0.35),
    ]
    marked = frame is not None or fraction_ground is not None or style.marks_fraction
    return (
        style,
        layout,
        _built(
            random,
            [0.0] * 4 if separate else pads,
            meter="electricity",
            plate=_plate(random),
            ground=None if separate else np.clip(style.grounds[0] * random.uniform(0.7, 1.4), 4, 110),
            ink=np.array([random.uniform(25, 80)] * 3, np.float32),
            radius=random.uniform(0.05, 0.45),
            fraction_ground=fraction_ground,
            frame=frame,
            frame_width=random.uniform(0.04, 0.12),
            comma=random.uniform(0.14, 0.26) if not marked or random.random() < 0.35 else 0.0,
            slack=random.uniform(0.04, 0.12) if random.random() < 0.3 else 0.0,
            scale=str(random.choice(["above", "below", ""], p=[0.3, 0.4, 0.3])),
            prints=_prints(random, "electricity"),
            shadow=None if separate else _shadow(random),
            **_unit_texts(random, ELECTRICITY_UNITS, 0.45),
        ),
    )


def _with_unit(random: np.random.Generator) -> tuple[WindowStyle, tuple[int, int], Strip]:
    """Returns any wheels on a strip of their own color, their unit beside them."""
    wheels, decimals = weighted(random, UNIT_LAYOUTS)
    meter = "electricity" if decimals == 1 else str(random.choice(["gas", "water"]))
    style = random_style(random)
    if random.random() < 0.6:
        style = _black_wheels(random, random.uniform(0.62, 0.95), random.uniform(0.5, 0.85))
    style = dataclasses.replace(style, slots=False)
    frame = color_near(random, "red", 1.0) if not style.marks_fraction or random.random() < 0.2 else None
    pads = list(random.uniform(0.05, 0.7, 4))
    pads[1] = pads[3] = random.uniform(0.03, 0.3)
    return (
        style,
        (wheels, decimals),
        _built(
            random,
            pads,
            meter=meter,
            plate=_plate(random),
            ground=np.clip(style.grounds[0] * random.uniform(0.8, 1.2), 4, 245),
            ink=np.array([random.uniform(25, 80)] * 3, np.float32),
            radius=random.uniform(0, 0.3) * (random.random() < 0.5),
            frame=frame,
            frame_width=random.uniform(0.05, 0.14),
            comma=random.uniform(0.14, 0.24) if random.random() < 0.25 else 0.0,
            prints=_prints(random, meter),
            shadow=_shadow(random),
            **_unit_texts(random, ELECTRICITY_UNITS if meter == "electricity" else GAS_UNITS, 1.0),
        ),
    )
