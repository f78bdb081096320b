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

from . import png_files
from .color_conversion import to_rgb
from .errors import (
    DamagedPhoto,
    MissingLibrary,
    TooFewPixels,
    TooManyPixels,
    TooMuchWork,
    UnknownFormat,
    UserError,
)
from .heic import HeicPicture, is_heic
from .jpeg_scans import count_scans
from .quick_decoding import JPEG_KINDS, QUICK_KINDS, decode_quickly

MAX_PIXELS = 50_000_000
# JPEGs have a decoder that makes them smaller on the way
MAX_JPEG_PIXELS = 200_000_000
# of a JPEG with several scans, all of them: a dozen at 50 megapixels
MAX_SCANNED_PIXELS = 600_000_000
MIN_SIDE = 32
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".hif")

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG = b"\xff\xd8\xff"
_SCALES = (1, 2, 4)
_AS_ORDINARY = "more work than a photo makes; save it anew as an ordinary JPEG"
_ORIENTATION_TAG = 0x0112
_TURNED = (5, 6, 7, 8)
_UPRIGHT: Mapping[int | None, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.transpose(cv2.rotate(pixels, cv2.ROTATE_180)),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
# what Pillow's decoders raise on files that are damaged
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, OverflowError, struct.error, zlib.error)
_DAMAGED_HEIC = (*_DAMAGED, RuntimeError, MemoryError)


@dataclasses.dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: uint8 RGB (height, width, 3), upright.
        shape: (height, width) of the upright photo in its file: up to four times that of the pixels.
    """

    pixels: np.ndarray
    shape: tuple[int, int]

    @property
    def scale(self) -> float:
        """How many times smaller the pixels are than the photo in its file."""
        return float(self.shape[0] / self.pixels.shape[0])


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
    return _read(path, max_pixels, shrinks=False).pixels


def decode_photo(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Returns a photo from the bytes of its file, the way up that its EXIF orientation asks for.

    Grey, palette, CMYK and 16-bit pictures are converted, transparency is laid on white, and of several frames
    the first counts.

    Args:
        content: a JPEG, PNG, WebP, BMP, TIFF or HEIC file.
        name: what messages call it.
        max_pixels: pictures with more are refused before they are decoded.

    Returns:
        uint8 RGB (height, width, 3), both sides at least MIN_SIDE.

    Raises:
        UserError: it is no picture of these formats (UnknownFormat), damaged (DamagedPhoto), too large
            (TooManyPixels), too small (TooFewPixels), too much work (TooMuchWork), or HEIC without the library for
            it (MissingLibrary).
    """
    return _decode(io.BytesIO(content), name, max_pixels, shrinks=False).pixels


def read_large_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> Photo:
    """Returns a photo from a file, JPEGs with too many pixels at half or quarter size; see `decode_large_photo`.

    Raises:
        UserError: the file cannot be opened, or what `decode_photo` says.
    """
    return _read(path, max_pixels, shrinks=True)


def decode_large_photo(content: bytes | BinaryIO, name: str, max_pixels: int = MAX_PIXELS) -> Photo:
    """Returns a photo as `decode_photo` does, but JPEGs of up to MAX_JPEG_PIXELS at half or quarter size.

    Args:
        content: of a file, or the file at its beginning.
        name: what messages call it.
        max_pixels: as for `decode_photo`.

    Raises:
        UserError: what `decode_photo` says; TooManyPixels only for other formats, progressive JPEGs, of which the
            decoder would have to hold all coefficients, and still larger ones.
    """
    file = io.BytesIO(content) if isinstance(content, (bytes, bytearray)) else content
    return _decode(file, name, max_pixels, shrinks=True)


def _read(path: str | Path, max_pixels: int, shrinks: bool) -> Photo:
    try:
        with open(path, "rb") as file:
            return _decode(file, str(path), max_pixels, shrinks)
    except OSError as error:
        raise UserError(f"{path}: cannot be opened: {error.strerror or error}") from error


def _decode(file: BinaryIO, name: str, max_pixels: int, shrinks: bool) -> Photo:
    head = file.read(12)
    file.seek(0)
    if not head:
        raise DamagedPhoto(f"{name}: empty; copy or take the photo again")
    if is_heic(head):
        return _decode_heic(file, name, max_pixels)
    scans = 1
    if head.startswith(_JPEG):
        counted = count_scans(file.read())
        file.seek(0)
        if counted is None:
            raise TooMuchWork(f"{name}: has a head of thousands of segments: {_AS_ORDINARY}")
        scans = counted
    # Pillow's own limit warns or raises, as it pleases; ours stands below, at the size in the header
    Image.MAX_IMAGE_PIXELS = None
    with warnings.catch_warnings():
        # damaged EXIF and TIFF tags: the pixels count, and if they are damaged too there is an error
        warnings.simplefilter("ignore", UserWarning)
        try:
            image = Image.open(file, formats=_FORMATS)
        except _DAMAGED as error:
            expected = f"{name}: not a photo: expected a JPEG, PNG, WebP, BMP, TIFF or HEIC file"
            if head.startswith(_SIGNATURES):
                raise DamagedPhoto(f"{expected}; it begins like one and is damaged or cut off") from error
            raise UnknownFormat(expected) from error
        width, height = image.size
        if width * height * scans > MAX_SCANNED_PIXELS and scans > 1:
            raise TooMuchWork(f"{name}: {scans} scans of {width} x {height} pixels: {_AS_ORDINARY}")
        scale = 1
        if shrinks and image.format in JPEG_KINDS and scans <= 1 and width * height <= MAX_JPEG_PIXELS:
            scale = next((scale for scale in _SCALES if width * height <= max_pixels * scale**2), 1)
        _check_size(name, width // scale, height // scale, max_pixels)
        try:
            pixels = _pixels(image, file, scale, scans)
        except _DAMAGED as error:
            raise DamagedPhoto(f"{name}: damaged or cut off: {_cause(error)}; copy or take the photo again") from error
        try:
            orientation = image.getexif().get(_ORIENTATION_TAG)
        except _DAMAGED:
            orientation = None
        if orientation in _UPRIGHT:
            pixels = _UPRIGHT[orientation](pixels)
        return Photo(pixels, (width, height) if orientation in _TURNED else (height, width))


def _pixels(image: Image.Image, file: BinaryIO, scale: int, scans: int) -> np.ndarray:
    """Returns the RGB pixels as they lie in the file.

    Raises:
        ValueError, OSError, ...: the file is damaged, or lacks a part of the picture.
    """
    if image.format in QUICK_KINDS:
        file.seek(0)
        pixels = decode_quickly(image, file.read(), scale, scans)
        if pixels is not None:
            return pixels
    if scale > 1:
        image.draft("RGB" if image.mode != "CMYK" else None, (image.width // scale, image.height // scale))
    image.load()
    if image.format == "PNG" and (damage := png_files.damage(file, image)):
        raise ValueError(damage)
    return to_rgb(image)


def _cause(error: BaseException) -> str:
    """Returns a decoder's words on one line."""
    return " ".join(str(error).split())


def _check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{name}: {width} x {height} pixels are too many: at most {max_pixels / 1e6:g} megapixels; "
            "make the photo smaller"
        )
    if min(width, height) < MIN_SIDE:
        raise TooFewPixels(f"{name}: {width} x {height} pixels are too few: expected at least {MIN_SIDE} a side")


def _decode_heic(file: BinaryIO, name: str, max_pixels: int) -> Photo:
    try:
        picture = HeicPicture(file)
    except ModuleNotFoundError as error:
        raise MissingLibrary(f"{name}: HEIC needs a library: `pip install pillow-heif`; or send a JPEG") from error
    except _DAMAGED_HEIC as error:
        raise DamagedPhoto(f"{name}: damaged: {_cause(error)}; copy or take the photo again") from error
    width, height = picture.size
    _check_size(name, width, height, max_pixels)
    try:
        pixels = picture.pixels()
    except _DAMAGED_HEIC as error:
        raise DamagedPhoto(f"{name}: damaged or cut off: {_cause(error)}; copy or take the photo again") from error
    if pixels.ndim == 2 or pixels.shape[2] != 3:
        pixels = to_rgb(Image.fromarray(pixels))
    return Photo(np.ascontiguousarray(pixels), pixels.shape[:2])
