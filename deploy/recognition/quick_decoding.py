"""Decoding JPEG and WebP with OpenCV, which takes half the time of Pillow."""

from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image

from .decoder_messages import decode_listening

JPEG_KINDS = ("JPEG", "MPO")
QUICK_KINDS = (*JPEG_KINDS, "WEBP")
_END_OF_JPEG = b"\xff\xd9"
_FLAGS: Mapping[int, int] = {
    1: cv2.IMREAD_COLOR_RGB,
    # OpenCV refuses IMREAD_REDUCED_COLOR_n beside COLOR_RGB: that flag asks for BGR too
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_COLOR_RGB,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_COLOR_RGB,
}
# an interrupted copy leaves zeros; flat pictures end in some too: a twentieth of the file
_EMPTY_SHARE, _EMPTY_BYTES = 0.1, 1024


def decode_quickly(image: Image.Image, content: bytes, scale: int, scans: int = 1) -> np.ndarray | None:
    """Returns the RGB pixels of an ordinary JPEG or WebP as they lie in the file, None where Pillow has to see to it.

    OpenCV comes to the same pixels in half the time, and for WebP in a quarter of the memory.

    Args:
        image: one of QUICK_KINDS as Pillow opened it; nothing of it was decoded.
        content: of the file.
        scale: 1, or 2 or 4 for a JPEG at half or quarter size.
        scans: that the JPEG has.

    Raises:
        ValueError: a part of the picture is missing or damaged; the message says how it shows.
    """
    if image.format == "WEBP":
        if has_empty_end(content):
            raise ValueError("the end of the file is empty")
        if image.mode != "RGB" or getattr(image, "n_frames", 1) > 1:
            return None
        return _decode(image, content, scale, 1)
    if not content.endswith(_END_OF_JPEG):
        # cut off, or with more behind its end; OpenCV refuses files without this marker, with it tells what they lack
        content = content.rstrip(b"\0") + _END_OF_JPEG
    if image.mode in ("RGB", "L"):
        return _decode(image, content, scale, scans)
    # Pillow turns CMYK into RGB, and it does not say what the file lacks
    _opencv(content, cv2.IMREAD_REDUCED_GRAYSCALE_8, scans)
    return None


def has_empty_end(content: bytes) -> bool:
    """Returns whether a compressed file ends in more zeros than pictures do."""
    size = int(_EMPTY_SHARE * len(content)) + _EMPTY_BYTES
    return len(content) > size and not any(content[-size:])


def _decode(image: Image.Image, content: bytes, scale: int, scans: int) -> np.ndarray | None:
    pixels = _opencv(content, _FLAGS[scale] | cv2.IMREAD_IGNORE_ORIENTATION, scans)
    expected = tuple(-(-side // scale) for side in image.size)
    return pixels if pixels is not None and pixels.shape[1::-1] == expected else None


def _opencv(content: bytes, flags: int, scans: int) -> np.ndarray | None:
    def decode() -> np.ndarray | None:
        try:
            return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
        except cv2.error:
            return None

    pixels, damage = decode_listening(decode, scans)
    if damage:
        raise ValueError(damage)
    return pixels
