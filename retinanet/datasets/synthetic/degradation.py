"""What stands between a meter and its photo: glass, light, lens, sensor and JPEG.

All take and give float32 RGB (height, width, 3), 0 to 255, unless told otherwise; `unit` is a length in pixels that
stands for the height of a counter window in the picture.
"""

import cv2
import numpy as np

from retinanet.datasets.source_photos import decode_picture
from retinanet.datasets.synthetic.paint import smooth_noise

# Red, green and blue under the light that cupboards and cellars have.
CASTS = {
    "day": ((1.0, 1.0, 1.0), 0.36),
    "warm": ((1.12, 1.0, 0.78), 0.18),
    "orange": ((1.2, 0.92, 0.6), 0.09),
    "yellow": ((1.08, 1.04, 0.66), 0.09),
    "green": ((0.84, 1.08, 0.78), 0.09),
    "blue": ((0.82, 0.96, 1.15), 0.12),
    "pink": ((1.15, 0.9, 0.95), 0.07),
}
# Cheap cameras in cupboards, and night modes.
STRONG_CASTS = ((0.45, 0.85, 1.25), (0.3, 0.7, 1.3), (0.75, 1.1, 1.2), (1.2, 0.8, 1.1), (0.9, 0.9, 0.9))


def soil_glass(random: np.random.Generator, image: np.ndarray, unit: float, amount: float) -> np.ndarray:
    """Returns the image behind a glass that is fogged, dusty, scratched or wet, one or two of these at a time.

    Args:
        random: the only source of chance.
        image: the picture.
        unit: see above.
        amount: 0 clean to 1 hard to read.
    """
    height, width = image.shape[:2]
    for kind in random.choice(["fog", "dust", "scratches", "drops", "dirt"], int(random.integers(1, 3)), replace=False):
        if kind == "fog":
            veil = amount * random.uniform(0.1, 0.6) * (0.7 + 0.4 * smooth_noise(random, (height, width), 2))
            milk = np.array([200, 200, 195], np.float32) * random.uniform(0.5, 1.05)
            image = image + (milk - image) * np.clip(veil, 0, 0.85)[..., None]
        elif kind == "dust":
            grains = np.zeros((height, width), np.float32)
            for _ in range(int(random.integers(4, 60))):
                centre = random.uniform(0, [width, height])
                radius = unit * random.uniform(0.004, 0.03)
                cv2.circle(grains, tuple(int(v * 16) for v in centre), int(radius * 16), 1.0, -1, cv2.LINE_AA, shift=4)
            tone = np.array([random.uniform(20, 240)] * 3, np.float32)
            image = image + (tone - image) * (grains * random.uniform(0.2, 0.8))[..., None]
        elif kind == "scratches":
            lines = np.zeros((height, width), np.float32)
            for _ in range(int(random.integers(1, 14))):
                start = random.uniform(0, [width, height])
                angle, length = random.uniform(0, np.pi), unit * random.uniform(0.2, 2.5)
                bend = random.normal(0, 0.15, 2) * length
                middle = start + length / 2 * np.array([np.cos(angle), np.sin(angle)]) + bend
                end = start + length * np.array([np.cos(angle), np.sin(angle)])
                points = np.round(np.array([start, middle, end]) * 16).astype(np.int32)
                cv2.polylines(lines, [points], False, float(random.uniform(0.2, 0.9)), 1, cv2.LINE_AA, shift=4)
            image = image + lines[..., None] * amount * random.uniform(30, 150)
        elif kind == "drops":
            for _ in range(int(random.integers(1, 7))):
                image = _drop(random, image, unit)
        else:
            blobs = np.clip(smooth_noise(random, (height, width), int(random.integers(3, 10))) - 0.5, 0, 1)
            soil = np.array([90, 70, 45], np.float32) * random.uniform(0.3, 1.5)
            image = image + (soil - image) * np.clip(blobs * amount * 1.6, 0, 0.9)[..., None]
    return image


def _drop(random: np.random.Generator, image: np.ndarray, unit: float) -> np.ndarray:
    """Returns the image with one drop of water: what it covers is magnified, with a bright spot and a dark rim."""
    height, width = image.shape[:2]
    radius = unit * random.uniform(0.08, 0.3)
    x, y = random.uniform(0, [width, height]).astype(np.float32)
    x0, x1 = int(max(0, x - radius)), int(min(width, x + radius))
    y0, y1 = int(max(0, y - radius)), int(min(height, y + radius))
    if x1 - x0 < 3 or y1 - y0 < 3:
        return image
    columns, rows = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    distance = np.hypot(columns - x, rows - y) / radius
    pull = np.where(distance < 1, 0.5 + 0.5 * distance**2, 1).astype(np.float32)
    source = x + (columns - x) * pull, y + (rows - y) * pull
    seen = cv2.remap(image, *source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    rim = np.exp(-(((distance - 0.9) / 0.12) ** 2)) * 50
    spot = np.exp(-(((columns - x + radius / 3) ** 2 + (rows - y + radius / 3) ** 2) / (radius / 5) ** 2)) * 120
    image = image.copy()
    inside = (distance < 1)[..., None]
    image[y0:y1, x0:x1] = np.where(inside, seen - rim[..., None] + spot[..., None], image[y0:y1, x0:x1])
    return image


def add_glare(random: np.random.Generator, image: np.ndarray, unit: float, amount: float) -> np.ndarray:
    """Returns the image with the flash's spot or a lamp's streak; amount 1 burns digits out."""
    height, width = image.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(0, [width, height])
        angle = random.uniform(0, np.pi)
        along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
        across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
        short = unit * random.uniform(0.08, 0.5)
        long = short * (random.uniform(1, 2) if random.random() < 0.6 else random.uniform(3, 12))
        spot = np.exp(-(((along / long) ** 2 + (across / short) ** 2) ** random.uniform(0.6, 1.6)))
        image = image + spot[..., None] * np.float32(amount * random.uniform(60, 330))
    return image


def add_reflection(random: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Returns the image with the pale mirror image of something with straight edges."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.float32)
    centre = random.uniform(0, [width, height])
    size = random.uniform(0.1, 0.7, 2) * [width, height]
    box = cv2.boxPoints((tuple(map(float, centre)), tuple(map(float, size)), float(random.uniform(0, 180))))
    cv2.fillPoly(mask, [np.round(box * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.5, random.uniform(0.005, 0.05) * width))
    tone = random.uniform(120, 255, 3) * [1, 0.97, 0.94]
    return image + (tone.astype(np.float32) - image) * (soft * random.uniform(0.08, 0.4))[..., None]


def add_shadow(random: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Returns the image with one side in the shadow of a hand, a pipe or a lid."""
    height, width = image.shape[:2]
    angle = random.uniform(0, 2 * np.pi)
    columns, rows = np.meshgrid(
        np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    )
    side = columns * np.cos(angle) + rows * np.sin(angle) - random.uniform(-0.6, 0.6)
    softness = random.uniform(0.02, 0.3)
    return image * (1 - random.uniform(0.25, 0.75) / (1 + np.exp(-side / softness)))[..., None].astype(np.float32)


def light(random: np.random.Generator, image: np.ndarray, darkest: float = 0.3) -> np.ndarray:
    """Returns the image under a random light: its color, its fall-off, exposure and contrast."""
    height, width = image.shape[:2]
    color = list(CASTS.values())[int(random.choice(len(CASTS), p=[share for _, share in CASTS.values()]))][0]
    cast = 1 + (np.array(color) - 1) * random.uniform(0.1, 1.1) + random.normal(0, 0.02, 3)
    exposure = random.uniform(0.95, 1.4) if random.random() < 0.75 else random.uniform(darkest, 1.0)
    corners = 1 + random.normal(0, 0.14, (2, 2)).astype(np.float32)
    field = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    image = image * (field[..., None] * (cast * exposure).astype(np.float32))
    if random.random() < 0.35:
        contrast = random.uniform(0.45, 0.95)
        image = random.uniform(40, 190) * (1 - contrast) + image * contrast
    gamma = random.uniform(0.7, 1.25)
    return 255 * (np.clip(image, 0, 255) / 255) ** np.float32(gamma)


def blur(random: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """Returns the image out of focus or moved, about as blurred as a Gaussian of `sigma` pixels."""
    if sigma < 0.3:
        return image
    if random.random() < 0.65:
        return cv2.GaussianBlur(image, (0, 0), sigma)
    length = sigma * 3
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    angle = random.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = (np.round((size // 2 + sign * reach) * 16).astype(int) for sign in (-1, 1))
    cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1.0, 1, cv2.LINE_AA, shift=4)
    soft = cv2.GaussianBlur(kernel, (0, 0), 0.5)
    return cv2.filter2D(image, -1, soft / soft.sum(), borderType=cv2.BORDER_REFLECT)


def blur_along(image: np.ndarray, direction: np.ndarray, length: float) -> np.ndarray:
    """Returns the image as a camera sees it that moved `length` pixels in the direction (2,) while it looked."""
    size = 2 * int(np.ceil(length / 2)) + 1
    if size < 3:
        return image
    kernel = np.zeros((size, size), np.float32)
    reach = direction / max(float(np.linalg.norm(direction)), 1e-6) * length / 2
    start, end = (tuple(np.round((size // 2 + sign * reach) * 16).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, shift=4)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def through_cheap_camera(random: np.random.Generator, image: np.ndarray, unit: float) -> np.ndarray:
    """Returns the image as a small Wi-Fi camera gives it: soft, dark towards its corners, often in one color."""
    height, width = image.shape[:2]
    columns, rows = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    falloff = 1 - random.uniform(0.1, 0.75) * np.minimum(1, (columns[None] ** 2 + rows[:, None] ** 2) / 2)
    image = image * falloff[..., None].astype(np.float32)
    if random.random() < 0.45:
        cast = np.array(STRONG_CASTS[int(random.integers(len(STRONG_CASTS)))], np.float32)
        if random.random() < 0.5:
            image = image.mean(axis=2, keepdims=True) * 0.8 + image * 0.2
        image = image * (1 + (cast - 1) * np.float32(random.uniform(0.4, 1.0)))
    haze = np.float32(random.uniform(0, 0.45))
    image = image * (1 - haze) + np.float32(random.uniform(40, 200)) * haze
    return cv2.GaussianBlur(image, (0, 0), max(0.5, unit * random.uniform(0.01, 0.06)))


def wash_out(random: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Returns the image behind a pane that has gone milky, or exposed for too long: hardly any contrast."""
    if random.random() < 0.6:
        veil = np.float32(random.uniform(0.4, 0.8))
        tone = random.uniform(70, 225) + random.normal(0, 6, 3)
        return image + (tone.astype(np.float32) - image) * veil
    return image * np.float32(random.uniform(0.8, 1.6)) + np.float32(random.uniform(60, 130))


def sense(random: np.random.Generator, image: np.ndarray, noise: float) -> np.ndarray:
    """Returns uint8 RGB with sensor noise of the standard deviation `noise`, now and then smeared or sharpened."""
    if noise > 0.3:
        grain: np.ndarray = random.standard_normal(image.shape, np.float32)
        if random.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 2
        if random.random() < 0.5:
            grain[:] = grain.mean(axis=2, keepdims=True) * 1.4
        image = image + grain * noise
    image = np.clip(image, 0, 255).astype(np.uint8)
    if random.random() < 0.25:
        soft = cv2.GaussianBlur(image, (0, 0), 1.2)
        image = cv2.addWeighted(image, 2.0, soft, -1.0, 0)
    return image


def compress(image: np.ndarray, quality: int) -> np.ndarray:
    """Returns uint8 RGB as JPEG of this quality keeps it."""
    written, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert written
    return decode_picture(data)
