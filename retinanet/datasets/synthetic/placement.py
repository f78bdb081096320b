"""Where drawn things stand in a photo, and how they are laid onto it."""

import dataclasses

import cv2
import numpy as np

from deploy.recognition.geometry import is_convex, perspective_matrix, side_lengths, transform_points
from deploy.recognition.rectification import between_pixel_centers
from retinanet.datasets.records import LabelledBox, LabelledWindow
from retinanet.datasets.synthetic.faces import DrawnFace
from retinanet.datasets.synthetic.meters import draw_meter
from retinanet.datasets.synthetic.windows import DrawnWindow


@dataclasses.dataclass(frozen=True)
class PlacedMeter:
    """A meter and where it stands in a photo.

    Attributes:
        face: the meter.
        matrix: (3, 3) homography from the face's image to the photo.
        window: its window, in pixels of the photo.
    """

    face: DrawnFace
    matrix: np.ndarray
    window: LabelledWindow

    def lay_on(self, photo: np.ndarray) -> np.ndarray:
        """Returns the photo, float32 RGB, with the meter on it."""
        return lay(photo, self.face.image, self.face.mask, self.matrix)


def shrink_window(window: DrawnWindow, factor: float) -> DrawnWindow:
    """Returns the window `factor` times as large."""
    height, width = window.image.shape[:2]
    size = max(8, round(width * factor)), max(8, round(height * factor))
    scale = np.array(size, np.float32) / (width, height)
    boxes = tuple(LabelledBox(box.corners * scale, box.label) for box in window.boxes)
    image = cv2.resize(window.image, size, interpolation=cv2.INTER_AREA)
    return dataclasses.replace(window, image=image, corners=window.corners * scale, boxes=boxes)


def random_turn(random: np.random.Generator) -> float:
    """Returns a rotation in radians: mostly upright, often on a side, sometimes any."""
    kind = random.random()
    if kind < 0.5:
        return float(random.normal(0, 0.12))
    if kind < 0.75:
        return float(random.integers(1, 4) * np.pi / 2 + random.normal(0, 0.12))
    return float(random.uniform(0, 2 * np.pi))


def placement(
    random: np.random.Generator,
    anchor: np.ndarray,
    source: tuple[int, ...],
    size: tuple[int, int],
    scale: float,
    spread: float = 0.22,
) -> np.ndarray:
    """Returns the (3, 3) homography that puts a drawn thing into the photo.

    Args:
        random: the only source of chance.
        anchor: (4, 2) corners in the thing that must come to stand in the photo.
        source: (width, height) of the thing.
        size: (width, height) of the photo.
        scale: pixels of the photo for one of the thing.
        spread: standard deviation of the place about the photo's middle, in shares of the room there is.
    """
    width, height = source
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    for _ in range(8):
        turn = random_turn(random)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
        tilt = random.normal(0, 0.04, (4, 2)) * min(width, height) if random.random() < 0.7 else 0.0
        matrix = perspective_matrix(corners, (corners + tilt - corners.mean(axis=0)) @ rotation.T)
        placed = transform_points(anchor, matrix)
        low, high = placed.min(axis=0), placed.max(axis=0)
        room = np.array(size) - (high - low)
        if np.all(room > 4) and is_convex(placed):
            break
        scale *= 0.8
    # Meters stand about the middle of what people photograph.
    share = np.clip(random.normal(0.5, spread, 2), 0.01, 0.99)
    shift = np.maximum(room, 0) * share - low
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]) @ matrix


def lay(scene: np.ndarray, image: np.ndarray, mask: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Returns the scene with an image laid over it through a homography where the mask is."""
    size = scene.shape[1::-1]
    reduce = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    if reduce < 0.75:
        image = cv2.GaussianBlur(image, (0, 0), 0.35 / max(reduce, 0.1))
    matrix = between_pixel_centers(matrix)
    layer = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpPerspective(mask, matrix, size, flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    return scene + (layer - scene) * cover[..., None]


def place_meter(
    random: np.random.Generator, window: DrawnWindow, size: tuple[int, int], length: float, spread: float = 0.22
) -> PlacedMeter:
    """Returns a meter round this window, placed in a photo of size (width, height), its window `length` pixels long.

    The window is made shorter where it would leave the photo.
    """
    window = shrink_window(window, min(1.0, 1.15 * length / side_lengths(window.corners)[0]))
    face = draw_meter(random, window, side_lengths(window.corners)[1])
    offset = np.array(face.to_face, np.float32)
    corners = window.corners + offset
    scale = length / side_lengths(corners)[0]
    matrix = placement(random, corners, face.mask.shape[::-1], size, scale, spread)
    boxes = tuple(LabelledBox(transform_points(box.corners + offset, matrix), box.label) for box in window.boxes)
    placed = LabelledWindow(transform_points(corners, matrix), window.label, boxes, (window.reading,))
    return PlacedMeter(face, matrix, placed)
