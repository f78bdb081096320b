"""Training pictures made from stored ones, in NumPy and OpenCV: where the camera stands, light, blur, noise.

Pictures are uint8 RGB; every function takes the random generator first, so that a seed gives the same picture.
"""

import cv2
import numpy as np

from deploy.recognition.geometry import perspective_matrix, side_lengths, transform_points
from deploy.recognition.rectification import between_pixel_centers, warp
from retinanet.datasets.source_photos import decode_picture


def look_at_photo(
    random: np.random.Generator, photo: np.ndarray, corners: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a view (size, size, 3) of a photo and the windows' corners (n, 4, 2) in it.

    A third of the views are first looks, the whole photo at any rotation, from which a rough window is enough; half
    are second looks, zoomed on one window and nearly upright, as recognition takes them for the exact corners; the
    rest stand anywhere.
    """
    extent = max(photo.shape[:2])
    center = np.array([photo.shape[1], photo.shape[0]], np.float32) / 2
    scale = size / extent * np.exp(random.uniform(-0.25, 0.35))
    angle = random.uniform(-180, 180) if random.random() < 0.6 else random.normal(0, 8) + 90 * random.integers(4)
    drift = random.uniform(-0.12, 0.12, 2) * size
    kind = random.random()
    if len(corners) and kind > 0.33:
        window = corners[random.integers(len(corners))]
        width, height = side_lengths(window)
        length = max(width, height, 1.0)
        center = window.mean(axis=0)
        if kind < 0.87:
            reading = window[1] + window[2] - window[0] - window[3]
            upright = np.degrees(np.arctan2(reading[1], reading[0]))
            turn = random.choice([0, 90, 180, 270], p=[0.8, 0.06, 0.08, 0.06])
            angle = -upright + turn + random.normal(0, 7)
            scale = size * random.uniform(0.38, 0.75) / length
            drift = random.normal(0, 0.05, 2) * size
        else:
            scale = size * np.exp(random.uniform(np.log(0.05), np.log(0.85))) / length
            drift = random.uniform(-0.35, 0.35, 2) * size
    stretch = np.exp(random.normal(0, 0.06))
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn_and_scale = scale * np.array([[cosine * stretch, -sine * stretch], [sine / stretch, cosine / stretch]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn_and_scale
    matrix[:2, 2] = size / 2 + drift - turn_and_scale @ center
    # Perspective about the middle of the view.
    tilt = np.eye(3)
    tilt[2, :2] = random.normal(0, 0.12, 2) / size
    shift = np.eye(3)
    shift[:2, 2] = -size / 2
    matrix = np.linalg.inv(shift) @ tilt @ shift @ matrix

    ground = (0, 0, 0)
    if random.random() >= 0.6:
        red, green, blue = (int(value) for value in random.integers(0, 256, 3))
        ground = (red, green, blue)
    view = warp(photo, matrix, (size, size), ground)
    return view, transform_points(corners, matrix) if len(corners) else corners


def jitter_window(
    random: np.random.Generator, window: np.ndarray, boxes_xyxy: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a rectified window of size (width, height) as slightly wrong corners would have cut it, and its boxes.

    Boxes (n, 4) are xyxy, in pixels of the window before and of the new one after.
    """
    height, width = window.shape[:2]
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [width, height]
    target = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [size[0], size[1]]
    zoom = 1 + random.normal(0, 0.02, 2) + random.uniform(-0.02, 0.02, 2)
    middle = np.array(size) / 2
    moved = (target - middle) * zoom + middle
    moved = moved + random.normal(0, 1, 2) * [0.012 * size[0], 0.03 * size[1]]
    moved = moved + random.normal(0, 1, (4, 2)) * [0.006 * size[0], 0.02 * size[1]]
    matrix = perspective_matrix(source, moved)
    border = cv2.BORDER_REPLICATE if random.random() < 0.5 else cv2.BORDER_CONSTANT
    fitted = cv2.resize(window, size, interpolation=cv2.INTER_AREA)
    moving = between_pixel_centers(perspective_matrix(target, moved))
    view = cv2.warpPerspective(fitted, moving, size, borderMode=border)
    if not len(boxes_xyxy):
        return view, boxes_xyxy
    points = transform_points(boxes_xyxy[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2), matrix)
    boxes_xyxy = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    return view, np.clip(boxes_xyxy, 0, np.tile(size, 2)).astype(np.float32)


def change_light(random: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Returns the picture in another light: gamma, contrast, brightness, colour cast, a gradient, a flash spot."""
    height, width = picture.shape[:2]
    values = picture.astype(np.float32) / 255
    if random.random() < 0.7:
        values = values ** np.exp(random.normal(0, 0.35))
    if random.random() < 0.7:
        mean = values.mean()
        values = (values - mean) * np.exp(random.normal(-0.05, 0.3)) + mean + random.normal(0, 0.08)
    if random.random() < 0.5:
        values = values * np.exp(random.normal(0, 0.12, 3)).astype(np.float32)
    if random.random() < 0.15:
        grey = values.mean(axis=2, keepdims=True)
        values = grey + (values - grey) * random.uniform(0, 1.6)
    if random.random() < 0.3:
        x, y = np.meshgrid(np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32))
        angle, strength = random.uniform(0, 2 * np.pi), random.uniform(0, 0.5)
        values = values * (1 + strength * (x * np.cos(angle) + y * np.sin(angle)))[..., None]
    if random.random() < 0.15:
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        center = random.uniform(0, 1, 2) * [width, height]
        radius = random.uniform(0.03, 0.2, 2) * [width, height] + 1
        spot = np.exp(-(((x - center[0]) / radius[0]) ** 2 + ((y - center[1]) / radius[1]) ** 2))
        values = values + spot[..., None] * random.uniform(0.3, 1.2)
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


def degrade(random: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Returns the picture as a worse camera sees it: fewer pixels, blur, shake, noise, JPEG blocks."""
    height, width = picture.shape[:2]
    if random.random() < 0.3:
        factor = random.uniform(0.3, 0.9)
        small = cv2.resize(
            picture, (max(8, int(width * factor)), max(8, int(height * factor))), interpolation=cv2.INTER_AREA
        )
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    kind = random.random()
    if kind < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.4, 1.6))
    elif kind < 0.3:
        length = int(random.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        angle = random.uniform(0, np.pi)
        arm = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
        middle = (length - 1) / 2
        start = (int(round(middle - arm[0])), int(round(middle - arm[1])))
        end = (int(round(middle + arm[0])), int(round(middle + arm[1])))
        cv2.line(kernel, start, end, 1.0)
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    if random.random() < 0.3:
        noise = random.normal(0, random.uniform(2, 14), picture.shape).astype(np.float32)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        quality = int(random.integers(25, 90))
        _, file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = decode_picture(file, cv2.IMREAD_COLOR)
    return picture


def change_colors(random: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Returns the picture with other paints: negative (white wheels for black ones) or a turned hue."""
    if random.random() < 0.12:
        picture = 255 - picture
    if random.random() < 0.12:
        hue = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
        hue[..., 0] = (hue[..., 0].astype(np.int32) + random.integers(180)) % 180
        picture = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)
    return picture
