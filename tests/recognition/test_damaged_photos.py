"""Files that a decoder reads to the end although a part of the picture is missing."""

import io
import os
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image

from deploy.recognition import decoder_messages
from deploy.recognition.errors import DamagedPhoto
from deploy.recognition.photo_files import decode_large_photo, decode_photo

END = b"\xff\xd9"
# smooth and noisy, so that the parts of a file are as long as the parts of the picture
NOISE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
PHOTO = Image.fromarray(NOISE).resize((480, 640), Image.Resampling.BICUBIC)


def encode(image, kind, **options):
    """Returns the file of a picture of Pillow or an array."""
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def jpeg(kind):
    """Returns PHOTO as a JPEG of one of KINDS."""
    if kind == "restart markers":
        return encode(PHOTO, "JPEG", quality=90, restart_marker_blocks=7)
    if kind in ("CMYK", "L"):
        return encode(PHOTO.convert(kind), "JPEG", quality=90)
    return encode(PHOTO, "JPEG", quality=90, progressive=kind == "progressive")


KINDS = ("baseline", "progressive", "restart markers", "CMYK", "L")


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_with_an_end_put_behind_a_part_of_it(kind):
    content = jpeg(kind)
    assert decode_photo(content, "x").shape == (640, 480, 3)
    for share in (0.45, 0.9):
        part = content[: int(share * len(content))]
        for end in (END, END + b"\0\0 a trailer", b"", bytes(len(content) - len(part))):
            with pytest.raises(DamagedPhoto, match="^x: damaged or cut off: premature end of data segment; copy or"):
                decode_photo(part + end, "x")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [300, 3000])
def test_a_jpeg_with_bytes_missing_in_the_middle(kind, missing):
    content = jpeg(kind)
    middle = len(content) // 2
    with pytest.raises(DamagedPhoto, match="^x: damaged or cut off: "):
        decode_photo(content[:middle] + content[middle + missing :], "x")


def test_a_large_jpeg_that_is_made_smaller_on_the_way():
    content = jpeg("baseline")
    assert decode_large_photo(content, "x", 100_000).scale == 2
    with pytest.raises(DamagedPhoto, match="premature end"):
        decode_large_photo(content[: len(content) // 2] + END, "x", 100_000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ["", "zeros", "trailer", "padding"])
def test_a_whole_jpeg_with_another_end(kind, end):
    content = jpeg(kind)
    if kind == "CMYK" and not end:
        pytest.skip("Pillow, which decodes CMYK, asks for the end marker")
    end = {"": b"", "zeros": END + bytes(100), "trailer": END + b" a trailer", "padding": bytes(20) + END}[end]
    np.testing.assert_array_equal(decode_photo(content[:-2] + end, "x"), decode_photo(content, "x"))


def png(mode="RGB", share=1.0, checksum_off=0, ends=True, interlaced=False):
    """Returns a PNG of PHOTO whose stream ends properly after a share of its rows."""
    pixels = np.asarray(PHOTO.convert(mode)).reshape(PHOTO.height, PHOTO.width, -1)
    passes = [pixels]
    if interlaced:
        starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        passes = [pixels[top::down, left::right] for left, top, right, down in starts]
    rows = [b"\0" + row.tobytes() for one in passes for row in one]
    color = {"L": 0, "RGB": 2, "RGBA": 6}[mode]
    header = struct.pack(">IIBBBBB", PHOTO.width, PHOTO.height, 8, color, 0, 0, int(interlaced))
    stream = zlib.compress(b"".join(rows[: int(share * len(rows))]))
    content = b"\x89PNG\r\n\x1a\n"
    for name, data, off in ((b"IHDR", header, 0), (b"IDAT", stream, checksum_off)) + (((b"IEND", b"", 0),) * ends):
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) ^ off)
    return content


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_stream_ends_early(mode, interlaced):
    expected = np.asarray(PHOTO.convert(mode).convert("RGB"))
    np.testing.assert_array_equal(decode_photo(png(mode, interlaced=interlaced), "x"), expected)
    for share in (0.1, 0.55, 0.99):
        with pytest.raises(DamagedPhoto, match="^x: damaged or cut off: rows are missing; copy or"):
            decode_photo(png(mode, share, interlaced=interlaced), "x")


def test_a_png_whose_last_rows_are_black():
    black = np.asarray(PHOTO).copy()
    black[-100:] = 0
    np.testing.assert_array_equal(decode_photo(encode(black, "PNG"), "x"), black)


def test_other_damage_in_a_png():
    with pytest.raises(DamagedPhoto, match="^x: damaged or cut off: a checksum is wrong; copy or"):
        decode_photo(png(checksum_off=1), "x")
    np.testing.assert_array_equal(decode_photo(png(ends=False), "x"), np.asarray(PHOTO))


@pytest.mark.parametrize(("kind", "options"), [("WEBP", {}), ("WEBP", {"lossless": True}), ("HEIF", {})])
def test_an_interrupted_copy_that_ends_in_zeros(kind, options):
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    content = encode(PHOTO, kind, **options)
    assert decode_photo(content, "x").shape == (640, 480, 3)
    part = content[: len(content) // 2]
    with pytest.raises(DamagedPhoto, match="the end of the file is empty"):
        decode_photo(part + bytes(len(content) - len(part)), "x")


def test_a_webp_cut_off_whose_head_says_that_it_is_whole():
    content = encode(PHOTO, "WEBP")
    part = bytearray(content[: len(content) // 2 & ~1])
    part[4:8], part[16:20] = struct.pack("<I", len(part) - 8), struct.pack("<I", len(part) - 20)
    with pytest.raises(DamagedPhoto, match="damaged or cut off"):
        decode_photo(bytes(part), "x")


def test_what_others_write_meanwhile_reaches_stderr(capfd):
    damaged = np.frombuffer(jpeg("baseline")[:9000] + END, np.uint8)

    def decode():
        os.write(2, b"from another thread\n")
        return cv2.imdecode(damaged, cv2.IMREAD_COLOR)

    pixels, damage = decoder_messages.decode_listening(decode, 1)
    assert pixels.shape == (640, 480, 3) and damage == "premature end of data segment"
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "from another thread\nafterwards\n"


def test_threads_decode_beside_one_another_and_each_knows_its_own_damage():
    whole, damaged = jpeg("baseline"), jpeg("baseline")[:9000] + END
    meet = threading.Barrier(2, timeout=10)

    def damage_of(content):
        turns = iter((True, False))

        def decode():
            # the first time both are at work at once; with a lock round decoding, neither would come past this
            if next(turns):
                meet.wait()
            return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)

        return decoder_messages.decode_listening(decode, 1)[1]

    for _ in range(10):
        with ThreadPoolExecutor(2) as pool:
            found = [pool.submit(damage_of, content) for content in (whole, damaged)]
            assert [one.result() for one in found] == [None, "premature end of data segment"]


@pytest.mark.parametrize(
    ("message", "scans", "damage"),
    [
        ("bad Huffman code", 1, "bad Huffman code"),
        ("found marker 0xd9 instead of RST3", 1, "found marker 0xd9 instead of RST3"),
        ("65 extraneous bytes before marker 0xd1", 1, "65 extraneous bytes before marker 0xd1"),
        ("804 extraneous bytes before marker 0xc4", 10, "804 extraneous bytes before marker 0xc4"),
        # in a head, and as cameras pad the end
        ("4 extraneous bytes before marker 0xc4", 1, None),
        ("31 extraneous bytes before marker 0xd9", 1, None),
        ("bad ICC marker", 1, None),
    ],
)
def test_which_messages_mean_that_pixels_were_made_up(message, scans, damage):
    assert decoder_messages.damage(f"Corrupt JPEG data: {message}\n", scans) == damage
