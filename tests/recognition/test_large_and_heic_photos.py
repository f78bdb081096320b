"""HEIC, JPEGs above the pixel limit, and files made to keep a decoder busy."""

import io
import sys
import time

import numpy as np
import pytest
from PIL import Image

from deploy.recognition import errors, photo_files
from deploy.recognition.jpeg_scans import count_scans
from deploy.recognition.photo_files import decode_large_photo, decode_photo, find_photos
from deploy.recognition.recognition import Recognition, RecognizedDigit
from tests.fake_server import encode

# upright: 480 wide, 400 high, red top left quarter, green top right, blue below
UPRIGHT = np.zeros((400, 480, 3), np.uint8)
UPRIGHT[:200, :240] = (255, 0, 0)
UPRIGHT[:200, 240:] = (0, 255, 0)
UPRIGHT[200:] = (0, 0, 255)


def heic(pixels=UPRIGHT, **options):
    import pillow_heif

    file = io.BytesIO()
    picture = pillow_heif.from_pillow(Image.fromarray(pixels))
    picture.save(file, quality=90, **options)
    return file.getvalue()


def test_heic():
    decoded = decode_photo(heic(), "photo.heic")
    assert decoded.shape == UPRIGHT.shape and decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - UPRIGHT).mean() < 4


def test_orientation_of_heic_is_not_applied_twice():
    exif = Image.Exif()
    exif[0x0112] = 6
    # as phones write them: the container turns the photo, and EXIF says so too
    content = heic(exif=exif.tobytes())
    assert b"irot" in content
    assert np.abs(decode_photo(content, "x").astype(int) - np.rot90(UPRIGHT, -1)).mean() < 4


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_other_pixels_in_heic(mode):
    pixels = np.array(Image.fromarray(UPRIGHT).convert(mode))
    decoded = decode_photo(heic(pixels), "x")
    expected = np.array(Image.fromarray(UPRIGHT).convert(mode).convert("RGB"))
    assert np.abs(decoded.astype(int) - expected).mean() < 5


def test_heic_has_the_same_limits():
    with pytest.raises(errors.TooManyPixels, match="480 x 400 pixels are too many"):
        decode_large_photo(heic(), "x", max_pixels=100_000)
    with pytest.raises(errors.TooFewPixels):
        decode_photo(heic(np.zeros((16, 64, 3), np.uint8)), "x")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_heic_cut_off(share):
    content = heic(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    with pytest.raises(errors.DamagedPhoto, match="^cut.heic: damaged"):
        decode_photo(content[: int(len(content) * share)], "cut.heic")


def test_what_is_wrong_with_heic_is_told_on_one_line():
    with pytest.raises(errors.DamagedPhoto, match="damaged.*; copy or take the photo again$") as caught:
        decode_photo(heic()[:-100], "cut.heic")
    assert "\n" not in str(caught.value) and " ;" not in str(caught.value)


def test_a_file_of_no_bytes_is_called_empty():
    with pytest.raises(errors.DamagedPhoto, match="^none.jpg: empty; copy or take the photo again$"):
        decode_photo(b"", "none.jpg")


def test_heic_without_the_library(monkeypatch):
    content = heic()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(errors.MissingLibrary, match="x.heic: HEIC needs a library: `pip install pillow-heif`"):
        decode_photo(content, "x.heic")


def test_folders_with_heic(tmp_path):
    for name in ("a.HEIC", "b.heif", "c.hif"):
        (tmp_path / name).touch()
    assert len(find_photos([tmp_path])) == 3


@pytest.mark.parametrize(("limit", "scale"), [(200_000, 1), (100_000, 2), (48_000, 2), (40_000, 4)])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_large_jpegs_are_decoded_smaller(limit, scale, orientation, mode):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = UPRIGHT if orientation == 1 else np.rot90(UPRIGHT)
    content = encode(Image.fromarray(np.ascontiguousarray(stored)).convert(mode), "JPEG", quality=95, exif=exif)
    photo = decode_large_photo(content, "x", limit)
    assert photo.shape == (400, 480) and photo.scale == scale
    assert photo.pixels.shape == (400 // scale, 480 // scale, 3)
    expected = np.array(Image.fromarray(UPRIGHT).convert(mode).convert("RGB"))[::scale, ::scale]
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 8
    if scale > 1:
        with pytest.raises(errors.TooManyPixels):
            decode_photo(content, "x", limit)


def test_what_is_too_large_even_at_a_quarter():
    jpeg = encode(UPRIGHT, "JPEG")
    with pytest.raises(errors.TooManyPixels):
        decode_large_photo(jpeg, "x", 10_000)
    with pytest.raises(errors.TooManyPixels):
        decode_large_photo(encode(UPRIGHT, "PNG"), "x", 100_000)
    # all its coefficients would lie in memory
    with pytest.raises(errors.TooManyPixels):
        decode_large_photo(encode(UPRIGHT, "JPEG", progressive=True), "x", 100_000)


def test_annotations_never_meet_a_smaller_photo(tmp_path):
    (tmp_path / "x.jpg").write_bytes(encode(UPRIGHT, "JPEG"))
    with pytest.raises(errors.TooManyPixels):
        photo_files.read_photo(tmp_path / "x.jpg", 100_000)
    assert photo_files.read_large_photo(tmp_path / "x.jpg", 100_000).scale == 2


def test_coordinates_are_those_of_the_photo_in_its_file():
    corners = np.array([[1, 2], [3, 2], [3, 4], [1, 4]], np.float32)
    found = Recognition(True, corners=corners, digits=(RecognizedDigit("1", 0.5, corners + 1),)).scaled(2)
    np.testing.assert_array_equal(found.corners, corners * 2)
    np.testing.assert_array_equal(found.digits[0].corners, corners * 2 + 2)
    assert Recognition(False).scaled(4) == Recognition(False)


def test_webp_is_decoded_as_pillow_does():
    noise = np.random.default_rng(2).integers(0, 256, (60, 80, 3), np.uint8)
    for options in ({"lossless": True}, {"quality": 80}):
        content = encode(noise, "WEBP", **options)
        expected = np.array(Image.open(io.BytesIO(content)).convert("RGB"))
        assert np.abs(decode_photo(content, "x").astype(int) - expected).max() <= 2


def many_scans(count, side=3000):
    data = encode(Image.new("L", (side, side), 128), "JPEG", progressive=True, quality=1)
    last = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last * count + b"\xff\xd9"


def test_scans_are_counted():
    assert count_scans(encode(UPRIGHT, "JPEG")) == 1
    assert count_scans(encode(UPRIGHT, "JPEG", progressive=True)) == 10
    grey = count_scans(many_scans(0))
    assert count_scans(many_scans(500)) == grey + 500
    # a preview in the EXIF data, and what follows the first picture, are others
    exif = Image.Exif()
    exif[0x010E] = "\xff\xda" * 50
    assert count_scans(encode(UPRIGHT, "JPEG", exif=exif)) == 1
    assert count_scans(encode(UPRIGHT, "JPEG") + encode(UPRIGHT, "JPEG", progressive=True)) == 1
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    assert count_scans(encode(noise, "JPEG", quality=100, restart_marker_rows=1)) == 1


@pytest.mark.parametrize(
    "content",
    [
        many_scans(1500),
        encode(UPRIGHT, "JPEG")[:2] + b"\xff\xfe\0\x02" * 4_000_000 + encode(UPRIGHT, "JPEG")[2:],
        encode(UPRIGHT, "JPEG")[:2] + b"\xff" * 16_000_000 + encode(UPRIGHT, "JPEG")[2:],
    ],
    ids=["scans", "segments", "fill bytes"],
)
def test_much_work_in_few_bytes_is_refused_at_once(content):
    start = time.process_time()
    try:
        decode_photo(content, "x")
    except errors.TooMuchWork as error:
        assert "more work than a photo makes" in str(error)
    except errors.DamagedPhoto:
        pass
    assert time.process_time() - start < 1


def test_a_large_transparent_picture_takes_little_more_than_its_pixels():
    resource = pytest.importorskip("resource")
    content = encode(Image.new("RGBA", (5000, 5000)), "PNG")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert decode_photo(content, "x").min() == 255
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    # 100 MB as RGBA and 75 MB as RGB
    assert grown < 230
