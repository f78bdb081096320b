import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from deploy.recognition import photo_files
from deploy.recognition.errors import UserError
from deploy.recognition.photo_files import decode_photo, find_photos, read_photo

# upright: 48 wide, 40 high, red top left quarter, green top right, blue below
UPRIGHT = np.zeros((40, 48, 3), np.uint8)
UPRIGHT[:20, :24] = (255, 0, 0)
UPRIGHT[:20, 24:] = (0, 255, 0)
UPRIGHT[20:] = (0, 0, 255)


def encoded(image, kind="PNG", **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode_photo(encoded(UPRIGHT, kind, **options), "x"), UPRIGHT)


def test_jpeg():
    decoded = decode_photo(encoded(UPRIGHT, "JPEG", quality=95, subsampling=0), "x")
    assert np.abs(decoded.astype(int) - UPRIGHT).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, UPRIGHT),
        (2, UPRIGHT[:, ::-1]),
        (3, UPRIGHT[::-1, ::-1]),
        (4, UPRIGHT[::-1]),
        (5, UPRIGHT.transpose(1, 0, 2)),
        (6, np.rot90(UPRIGHT)),
        (7, UPRIGHT[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(UPRIGHT, -1)),
    ],
)
def test_exif_orientation(orientation, stored, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_photo(encoded(np.ascontiguousarray(stored), kind, exif=exif), "x")
    assert decoded.shape == UPRIGHT.shape
    assert np.abs(decoded.astype(int) - UPRIGHT).mean() < 12


def test_other_pixel_formats():
    grey = np.arange(40 * 48, dtype=np.uint16).reshape(40, 48) * 34
    decoded = decode_photo(encoded(Image.fromarray(grey)), "16-bit")
    np.testing.assert_array_equal(decoded[..., 1], np.round(grey / 257).astype(np.uint8))
    upright = Image.fromarray(UPRIGHT)
    luminance = np.array(upright.convert("L"))
    np.testing.assert_array_equal(decode_photo(encoded(upright.convert("L")), "grey")[..., 2], luminance)
    np.testing.assert_array_equal(decode_photo(encoded(upright.quantize(8)), "palette"), UPRIGHT)
    assert set(np.unique(decode_photo(encoded(upright.convert("1")), "1-bit"))) <= {0, 255}
    cmyk = decode_photo(encoded(upright.convert("CMYK"), "JPEG", quality=95, subsampling=0), "CMYK")
    assert np.abs(cmyk.astype(int) - UPRIGHT).mean() < 8


def test_transparency_is_laid_on_white():
    pixels = np.dstack([UPRIGHT, np.full((40, 48), 255, np.uint8)])
    pixels[:20, :24, 3] = 0
    decoded = decode_photo(encoded(pixels), "RGBA")
    np.testing.assert_array_equal(decoded[5, 5], [255, 255, 255])
    np.testing.assert_array_equal(decoded[30, 5], [0, 0, 255])
    palette = Image.fromarray(UPRIGHT).quantize(8)
    decoded = decode_photo(encoded(palette, transparency=palette.getpixel((5, 5))), "palette")
    np.testing.assert_array_equal(decoded[5, 5], [255, 255, 255])


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "TIFF"])
def test_first_of_several_frames(kind):
    frames = [Image.fromarray(UPRIGHT), Image.fromarray(255 - UPRIGHT)]
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode_photo(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options), "x")
    np.testing.assert_array_equal(decoded, UPRIGHT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_cut_off_files(kind, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encoded(noise, kind)
    with pytest.raises(UserError, match="^cut.jpg: (damaged or cut off|not a photo)"):
        decode_photo(content[: int(len(content) * share)], "cut.jpg")


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"\xff\xd8\xff", b"GIF89a" + bytes(50)])
def test_no_picture(content):
    with pytest.raises(UserError, match="x.jpg: not a photo: expected a JPEG"):
        decode_photo(content, "x.jpg")


def test_small_photos():
    with pytest.raises(UserError, match="1 x 1 pixels are too few: expected at least 32"):
        decode_photo(encoded(np.zeros((1, 1, 3), np.uint8)), "dot.png")
    assert decode_photo(encoded(np.zeros((32, 32, 3), np.uint8)), "x").shape == (32, 32, 3)


def test_large_photos_are_refused_by_their_header():
    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    # no pixels follow: whoever tried to decode them would find the file cut off
    content = b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(UserError, match="20000 x 20000 pixels are too many: at most 50 megapixels"):
        decode_photo(content, "huge.png")
    with pytest.raises(UserError, match="at most 0.001 megapixels"):
        decode_photo(encoded(UPRIGHT), "x", max_pixels=1000)


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(UserError, match="nowhere.jpg: cannot be opened: No such file"):
        read_photo(tmp_path / "nowhere.jpg")
    with pytest.raises(UserError, match="cannot be opened: Is a directory"):
        read_photo(tmp_path)


def test_find_photos(tmp_path):
    for name in ("b.JPG", "a/x.png", "a/x.webp", "a/notes.txt", ".hidden.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    single = tmp_path / "x.tif"
    single.touch()
    found = find_photos([tmp_path / "photos", single])
    assert [str(file.path.relative_to(tmp_path)) for file in found] == [
        "photos/a/x.png",
        "photos/a/x.webp",
        "photos/b.JPG",
        "x.tif",
    ]
    assert [str(file.annotated_name) for file in found] == ["a/x.jpg", "a/x_2.jpg", "b.jpg", "x.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no photos in this folder"):
        find_photos([tmp_path / "empty"])


def test_write_jpeg(tmp_path):
    path = tmp_path / "new" / "x.jpg"
    photo_files.write_jpeg(path, UPRIGHT)
    assert read_photo(path).shape == UPRIGHT.shape
    with pytest.raises(UserError, match="cannot be written"):
        photo_files.write_jpeg(path / "y.jpg", UPRIGHT)
