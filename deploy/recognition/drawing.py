"""Drawing on photos what was read there."""

import cv2
import numpy as np

from .recognition import Recognition

_WINDOW = (0, 200, 0)
_FIRST_CORNER = (255, 40, 40)
_DIGIT = (255, 170, 0)
_TEXT = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_REASONS = {
    "no_meter": "no meter found",
    "illegible": "illegible",
    "unreadable": "digits not readable",
    "mirrored": "perhaps mirrored",
}


def annotate(photo: np.ndarray, recognition: Recognition) -> np.ndarray:
    """Returns a copy of the photo with windows and digits outlined, above a strip with the text of each counter.

    A dot marks the corner at each reading's top-left.

    Args:
        photo: uint8 RGB (height, width, 3).
        recognition: what was read on it.

    Returns:
        uint8 RGB, as wide as the photo and higher by the strip.
    """
    picture = photo.copy()
    thickness = max(1, round(max(photo.shape[:2]) / 400))
    for counter in (recognition, *recognition.others):
        for digit in counter.digits:
            _outline(picture, digit.corners, _DIGIT, max(1, thickness // 2))
        if counter.corners is not None:
            _outline(picture, counter.corners, _WINDOW, thickness)
            centre = tuple(int(value) for value in np.round(counter.corners[0]))
            cv2.circle(picture, centre, 3 * thickness, _FIRST_CORNER, cv2.FILLED, cv2.LINE_AA)
    if recognition.success:
        large = "   |   ".join(counter.text for counter in recognition.readings)
        told = [f"{counter.counter_class}   {counter.confidence:.0%} sure" for counter in recognition.readings]
        small = "   |   ".join(told)
    else:
        large = _REASONS[recognition.reason]
        small = recognition.counter_class
    return np.concatenate([picture, _strip(photo.shape[1], large, small)])


def _outline(picture: np.ndarray, corners: np.ndarray, colour: tuple[int, int, int], thickness: int) -> None:
    points = np.round(corners).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(picture, [points], True, colour, thickness, cv2.LINE_AA)


def _strip(width: int, large: str, small: str) -> np.ndarray:
    """Returns a dark strip with a large line of text and a small one below it."""
    height = max(24, round(width * 0.16))
    strip = np.full((height, width, 3), 30, np.uint8)
    for text, share, baseline in ((large, 0.52, 0.60), (small, 0.20, 0.90)):
        _write(strip, text, share * height, (round(0.03 * width), round(baseline * height)))
    return strip


def _write(picture: np.ndarray, text: str, height: float, origin: tuple[int, int]) -> None:
    """Writes a line of about this height in pixels, smaller where it would not fit."""
    thickness = max(1, round(height / 10))
    (text_width, text_height), _ = cv2.getTextSize(text or " ", _FONT, 1, thickness)
    room = picture.shape[1] - 2 * origin[0]
    scale = min(height / max(text_height, 1), room / max(text_width, 1))
    cv2.putText(picture, text, origin, _FONT, scale, _TEXT, thickness, cv2.LINE_AA)
