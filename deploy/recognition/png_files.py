"""Whether a PNG file holds all of its picture: Pillow checks no sums and leaves black what is missing."""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image

_SIGNATURE, _HEAD = 8, struct.Struct(">I4s")
# samples of a pixel, by colour type
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# of Adam7: first column and row, and the steps
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 2**20


def damage(file: BinaryIO, image: Image.Image) -> str | None:
    """Returns what is wrong with a PNG that was decoded, None if nothing is.

    Args:
        file: at any position.
        image: what Pillow decoded of it.
    """
    # the last row of the picture, and of the last pass over one with interlaced rows
    last = np.asarray(image.crop((0, max(0, image.height - 2), image.width, image.height)))
    may_lack_rows = any(not row.any() for row in last)
    inflate = zlib.decompressobj()
    missing = 0
    for kind, data, is_intact in _chunks(file):
        if not is_intact and kind == b"IDAT":
            return "a checksum is wrong"
        if kind == b"IHDR":
            missing = _raw_bytes(data)
        elif may_lack_rows and missing > 0:
            while data and missing > 0:
                missing -= len(inflate.decompress(data, _PIECE))
                data = inflate.unconsumed_tail
    return "rows are missing" if may_lack_rows and missing > 0 else None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yields the header and the chunks of pixels as kind, data, and whether the checksum is right."""
    file.seek(_SIGNATURE)
    seen = False
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, kind = _HEAD.unpack(head)
        if kind not in (b"IHDR", b"IDAT"):
            if seen:
                return
            file.seek(length + 4, 1)
            continue
        seen |= kind == b"IDAT"
        data, stored = file.read(length), file.read(4)
        yield kind, data, len(stored) < 4 or zlib.crc32(data, zlib.crc32(kind)) == int.from_bytes(stored)


def _raw_bytes(header: bytes) -> int:
    """Returns how many bytes all rows have, their filter bytes too, by the IHDR chunk's data."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header[:13])
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, step_x, step_y in passes:
        columns, rows = -(-(width - left) // step_x), -(-(height - top) // step_y)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * depth * _SAMPLES[color] + 7) // 8)
    return total
