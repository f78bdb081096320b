"""Recognitions as JSON: the answer of old, and what was added beside it."""

import base64
import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ..recognition.drawing import annotate
from ..recognition.photo_files import Photo
from ..recognition.recognition import Recognition
from .bodies import Options
from .plausibility import judge

ANNOTATED_SIDE = 1600
_JPEG_QUALITY = 85
# fields that the answer has as recognition gives them
_TAKEN_OVER = (
    "confidence",
    "confidence_integer",
    "integer",
    "fraction",
    "last_wheel",
    "corners",
    "mirrored",
    "alternatives",
)


def answer(photo: Photo, recognition: Recognition, seconds: float, options: Options) -> dict[str, Any]:
    """Returns the JSON answer for one photo.

    Args:
        photo: decoded, perhaps at half or quarter size.
        recognition: what was read on its pixels; the answer's coordinates are those of the photo in its file.
        seconds: from the request's head to the answer.
        options: what was asked for beside.
    """
    plain = recognition.scaled(photo.scale).to_dict()
    result = {
        "original_image_shape": [*photo.shape, 3],
        "success": recognition.success,
        "text": recognition.text,
        "counter_class": recognition.counter_class,
        "counter_score": float(recognition.counter_score),
        "time": seconds,
        **{name: plain[name] for name in _TAKEN_OVER},
        "digits": [{**digit, "box": _box(digit["corners"])} for digit in plain["digits"]],
        "several": plain["several"],
        "readings": plain["readings"],
    }
    if not recognition.success:
        result["reason"] = recognition.reason
    if options.previous is not None:
        limits = (options.max_increase, options.max_decrease)
        result |= judge(recognition.integer, recognition.fraction, options.previous, *limits)
    if options.annotated:
        result["annotated"] = _jpeg(_shrink(annotate(photo.pixels, recognition)))
    if options.crop:
        result["crop"] = None if recognition.window is None else _jpeg(recognition.window)
    return result


def _box(corners: list[list[float]]) -> list[float]:
    """Returns [left, top, right, bottom], pixels of the photo, round four corners."""
    columns, rows = zip(*corners, strict=True)
    return [min(columns), min(rows), max(columns), max(rows)]


def _shrink(picture: np.ndarray) -> np.ndarray:
    scale = ANNOTATED_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _jpeg(picture: np.ndarray) -> str:
    """Returns a JPEG file in base64."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "JPEG", quality=_JPEG_QUALITY)
    return base64.b64encode(file.getvalue()).decode()
