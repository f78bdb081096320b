"""Reading photos: any common file, upright, as RGB."""

import dataclasses
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from .errors import UserError

MAX_PIXELS = 50_000_000
MIN_SIDE = 32
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION_TAG = 0x0112
_UPRIGHT: Mapping[int | None, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.transpose(cv2.rotate(pixels, cv2.ROTATE_180)),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
_END_OF_JPEG = b"\xff\xd9"
# what Pillow's decoders raise on files that are damaged
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, OverflowError, struct.error, zlib.error)


class UnknownFormat(UserError):
    """It begins like no file of the accepted formats."""


class DamagedPhoto(UserError):
    """It begins like a photo but cannot be decoded."""


class TooManyPixels(UserError):
    """It is larger than allowed; found before anything of it was decoded."""


class TooFewPixels(UserError):
    """It is too small to show a meter."""


@dataclasses.dataclass(frozen=True)
class PhotoFile:
    """A photo to read, and the name, a relative path, under which a picture made from it is written."""

    path: Path
    annotated_name: Path


def find_photos(paths: Sequence[Path]) -> list[PhotoFile]:
    """Returns the photos of files, as given, and of folders: whatever there and below has a PHOTO_SUFFIXES ending.

    Raises:
        UserError: a folder holds none.
    """
    photos = []
    taken: set[Path] = set()
    for path in paths:
        found = [path]
        if path.is_dir():
            found = sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in PHOTO_SUFFIXES and not file.name.startswith(".") and file.is_file()
            )
            if not found:
                raise UserError(
                    f"{path}: no photos in this folder: expected files ending in {', '.join(PHOTO_SUFFIXES)}"
                )
        for file in found:
            name = file.relative_to(path if path.is_dir() else path.parent)
            target, number = name.with_suffix(".jpg"), 2
            while target in taken:
                target, number = name.with_name(f"{name.stem}_{number}.jpg"), number + 1
            taken.add(target)
            photos.append(PhotoFile(file, target))
    return photos


def write_jpeg(path: Path, picture: np.ndarray) -> None:
    """Writes uint8 RGB (height, width, 3) as a JPEG, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path, "JPEG", quality=90)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Returns a photo from a file; see `decode_photo`.

    Raises:
        UserError: the file cannot be opened, or what `decode_photo` says.
    """
    try:
        with open(path, "rb") as file:
            return _decode(file, str(path), max_pixels)
    except OSError as error:
        raise UserError(f"{path}: cannot be opened: {error.strerror or error}") from error


def decode_photo(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Returns a photo from the bytes of its file, the way up that its EXIF orientation asks for.

    Grey, palette, CMYK and 16-bit pictures are converted, transparency is laid on white, and of several frames
    the first counts.

    Args:
        content: a JPEG, PNG, WebP, BMP or TIFF file.
        name: what messages call it.
        max_pixels: pictures with more are refused before they are decoded.

    Returns:
        uint8 RGB (height, width, 3), both sides at least MIN_SIDE.

    Raises:
        UserError: it is no picture of these formats (UnknownFormat), damaged (DamagedPhoto), too large
            (TooManyPixels) or too small (TooFewPixels).
    """
    return _decode(io.BytesIO(content), name, max_pixels)


def _decode(file: BinaryIO, name: str, max_pixels: int) -> np.ndarray:
    # Pillow's own limit warns or raises, as it pleases; ours stands below, at the size in the header
    Image.MAX_IMAGE_PIXELS = None
    with warnings.catch_warnings():
        # damaged EXIF and TIFF tags: the pixels count, and if they are damaged too there is an error
        warnings.simplefilter("ignore", UserWarning)
        try:
            image = Image.open(file, formats=_FORMATS)
        except _DAMAGED as error:
            file.seek(0)
            kind = DamagedPhoto if file.read(8).startswith(_SIGNATURES) else UnknownFormat
            raise kind(f"{name}: not a photo: expected a JPEG, PNG, WebP, BMP or TIFF file") from error
        width, height = image.size
        if width * height > max_pixels:
            raise TooManyPixels(
                f"{name}: {width} x {height} pixels are too many: at most {max_pixels / 1e6:g} megapixels; "
                "make the photo smaller"
            )
        if min(width, height) < MIN_SIDE:
            raise TooFewPixels(f"{name}: {width} x {height} pixels are too few: expected at least {MIN_SIDE} a side")
        pixels = _decode_jpeg(image, file)
        if pixels is None:
            try:
                image.load()
            except _DAMAGED as error:
                raise DamagedPhoto(f"{name}: damaged or cut off: {error}; copy or take the photo again") from error
            try:
                pixels = _to_rgb(image)
            except ValueError as error:
                raise DamagedPhoto(f"{name}: damaged: {error}; copy or take the photo again") from error
        try:
            orientation = image.getexif().get(_ORIENTATION_TAG)
        except _DAMAGED:
            orientation = None
        return _UPRIGHT[orientation](pixels) if orientation in _UPRIGHT else pixels


def _decode_jpeg(image: Image.Image, file: BinaryIO) -> np.ndarray | None:
    """Returns the RGB pixels of an ordinary JPEG as they lie in the file, or None where Pillow has to see to it.

    OpenCV comes to the same pixels in half the time, but it fills up in silence what a file cut off lacks.
    """
    if image.format not in ("JPEG", "MPO") or image.mode not in ("RGB", "L"):
        return None
    file.seek(0)
    content = file.read()
    if not content.endswith(_END_OF_JPEG):
        return None
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    return pixels if pixels is not None and pixels.shape[1::-1] == image.size else None


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image).astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("some pixels are no numbers")
        # 16-bit pictures come in 16 or 32 bits; floats say nothing of their range, so they are stretched
        low, high = (0, 65535) if image.mode.startswith("I") else (values.min(), max(values.max(), values.min() + 1e-6))
        grey = np.clip(np.round((values - low) * 255 / (high - low)), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return np.array(image.convert("RGB"))
