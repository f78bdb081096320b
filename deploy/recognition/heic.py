"""HEIC photos, as iPhones take them, through pillow-heif where it is installed."""

import io
from typing import BinaryIO

import numpy as np

from .quick_decoding import has_empty_end

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# one photo is decoded in one thread: others come beside it
_THREADS = 1


def is_heic(head: bytes) -> bool:
    """Returns whether a file that begins with these 12 bytes says that it is HEIC."""
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


class HeicPicture:
    """A HEIC file of which the head was read.

    The container's own rotation is applied while decoding, and counts: EXIF orientation in HEIC only repeats it.

    Args:
        file: at its beginning.

    Raises:
        ModuleNotFoundError: pillow-heif is not installed.
        ValueError, OSError, ...: the file is damaged, or was not copied to its end.
    """

    def __init__(self, file: BinaryIO):
        import pillow_heif

        pillow_heif.options.DECODE_THREADS = _THREADS
        content = file.read()
        if has_empty_end(content):
            raise ValueError("the end of the file is empty")
        pictures = pillow_heif.open_heif(io.BytesIO(content))
        self._picture = pictures[pictures.primary_index]
        self.size = self._picture.size

    def pixels(self) -> np.ndarray:
        """Returns uint8 (height, width), (height, width, 3) or (height, width, 4), as it is in the file."""
        return np.asarray(self._picture)
