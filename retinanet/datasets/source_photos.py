"""Photo files of the labelled sources."""

import functools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from deploy.recognition.errors import UserError
from deploy.recognition.photo_files import MAX_PIXELS, PHOTO_SUFFIXES, read_photo

ORIENTATION_TAG = 0x0112
TURNED_ORIENTATIONS = (5, 6, 7, 8)


def photo_loader(path: Path) -> Callable[[], np.ndarray]:
    """Returns a picklable callable that reads the photo when it is needed, upright: uint8 RGB."""
    return functools.partial(read_photo, path)


def photo_size(path: Path) -> tuple[int, int]:
    """Returns (width, height) in pixels of the upright photo, EXIF orientation applied, without decoding it.

    Raises:
        UserError: the file is missing or is no picture.
    """
    # Pillow's own limit warns or raises, as it pleases; ours stands below.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(ORIENTATION_TAG) in TURNED_ORIENTATIONS
    except FileNotFoundError:
        raise UserError(f"{path}: no such photo, but a label names it; add the photo or drop the label") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: not a photo that can be read; replace the file or drop its label") from error
    if width * height > MAX_PIXELS:
        raise UserError(f"{path}: {width} x {height} pixels are too many: at most {MAX_PIXELS / 1e6:g} megapixels")
    return (height, width) if turned else (width, height)


def decode_picture(file: np.ndarray, flags: int = cv2.IMREAD_COLOR_RGB) -> np.ndarray:
    """Returns the picture in the bytes (n,) uint8 of a file of ours: uint8 RGB, or what OpenCV's flags tell.

    Raises:
        ValueError: they are no picture.
    """
    picture = cv2.imdecode(file, flags)
    if picture is None:
        raise ValueError(f"{file.size} bytes are no picture that OpenCV reads")
    return picture


def list_photos(folder: Path) -> list[Path]:
    """Returns the photos of a folder, in the order of their names.

    Raises:
        UserError: there is no such folder or no photo in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected the photos in it, as the source has them")
    photos = sorted(file for file in folder.iterdir() if file.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise UserError(f"{folder}: holds no photos; expected files that end in {', '.join(PHOTO_SUFFIXES)}")
    return photos
