"""Two hundred bodies that nobody should send: each gets an answer, none breaks the server."""

import base64
import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests import fake_server
from tests.fake_server import PHOTO, PNG, blank, encode

JPEG = encode(PHOTO, "JPEG", quality=95)
WHOLE = {
    "jpeg": JPEG,
    "png": PNG,
    "webp": encode(PHOTO, "WEBP", quality=95),
    "bmp": encode(PHOTO, "BMP"),
    "tiff": encode(PHOTO, "TIFF", compression="tiff_lzw"),
}
REFUSED = (400, 413, 415, 422)


def chunk(name, content):
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


def png(width, height, pixels, *extra, depth=8, colours=2):
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")]
    )


def truncated():
    for kind, content in WHOLE.items():
        for share in (0.001, 0.01, 0.05, 0.3, 0.6, 0.9):
            yield f"{kind} cut at {share}", f"image/{kind}", content[: max(1, int(len(content) * share))], None


def damaged():
    random = np.random.default_rng(5)
    for kind, content in WHOLE.items():
        for number in range(12):
            broken = np.frombuffer(content, np.uint8).copy()
            places = random.integers(0, len(broken) if number % 2 else min(200, len(broken)), 1 + 4 * number)
            broken[places] = random.integers(0, 256, len(places))
            yield f"{kind} with noise {number}", f"image/{kind}", broken.tobytes(), (200, *REFUSED)


def filled_up():
    middle = len(JPEG) // 2
    yield "jpeg with an end behind a part of it", "image/jpeg", JPEG[: int(0.45 * len(JPEG))] + b"\xff\xd9", (400,)
    yield "jpeg without bytes in the middle", "image/jpeg", JPEG[:middle] + JPEG[middle + 1000 :], (400,)
    progressive = encode(PHOTO, "JPEG", progressive=True)
    yield "progressive", "image/jpeg", progressive[: len(progressive) // 2] + b"\xff\xd9", (400,)
    rows = b"".join(b"\0" + row.tobytes() for row in PHOTO[: int(0.55 * len(PHOTO))])
    yield "png of 55 % of its rows", "image/png", png(PHOTO.shape[1], PHOTO.shape[0], rows), (400,)


def bombs():
    yield "png of 2 gigapixels", "image/png", png(46000, 46000, bytes(100)), (413,)
    yield (
        "png of 51 megapixels of zeros",
        "image/png",
        png(10200, 5000, bytes(10200 * 5000 // 8), depth=1, colours=0),
        (413,),
    )
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000)))
    yield "png with a text of 80 MB", "image/png", png(40, 40, bytes(121 * 40), text), (200, 400)
    yield "png with pixels for ten times its size", "image/png", png(40, 40, bytes(1210 * 400)), (200, 400)
    tall = png(32, 2_000_000, bytes(100))
    yield "png taller than 50 megapixels", "image/png", tall, (413,)
    yield "tiff that points to itself", "image/tiff", b"II*\0\x08\0\0\0\x01\0" + bytes(12) + b"\x08\0\0\0", (400,)
    yield "bmp of 2 gigapixels", "image/bmp", bmp(50000, 50000), (413,)
    yield "bmp with a negative size", "image/bmp", bmp(-100, 100), REFUSED
    frames = [Image.fromarray(blank(value=value)) for value in range(0, 250, 2)]
    yield (
        "webp with 125 frames",
        "image/webp",
        encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        (200,),
    )
    yield (
        "tiff with 125 pages",
        "image/tiff",
        encode(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
        (200,),
    )
    yield "animated png", "image/png", encode(frames[0], "PNG", save_all=True, append_images=frames[1:9]), (200,)


def bmp(width, height):
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def strangers():
    yield "gif", "image/png", encode(PHOTO, "GIF"), (415,)
    yield "gif by name", "image/gif", encode(PHOTO, "GIF"), (415,)
    yield "ico", "image/png", encode(blank(), "ICO"), (415,)
    yield "ppm", "image/jpeg", encode(PHOTO, "PPM"), (415,)
    yield "icns", "image/jpeg", b"icns" + bytes(100), (415,)
    yield "heic that is none", "image/jpeg", b"\0\0\0\x18ftypheic" + bytes(100), (400,)
    yield "svg", "image/png", b'<svg xmlns="http://www.w3.org/2000/svg"/>', (415,)
    yield "html", "text/html", b"<html>", (415,)
    yield "xml", "application/xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", (415,)
    yield "pdf", "application/pdf", b"%PDF-1.7", (415,)
    yield "postscript", "image/jpeg", b"%!PS-Adobe-3.0 EPSF-3.0\n(run) system", (415,)
    yield "zip", "image/png", b"PK\3\4" + bytes(50), (415,)
    yield "executable", "application/octet-stream", b"\x7fELF" + bytes(60), (415,)
    yield "pickle", "application/octet-stream", b"\x80\x04\x95", (415,)
    yield "nothing", "image/jpeg", b"", (400,)
    yield "nothing at all", None, b"", (400,)
    yield "zeros", "image/jpeg", bytes(1000), (415,)
    yield "text", "text/plain", b"12345", (415,)
    yield "strange type", ";;;", JPEG, (200, 415)
    yield "type with a null", "image/\0jpeg", JPEG, (415,)
    yield "jpeg that is a zip too", "image/jpeg", JPEG + b"PK\3\4" + bytes(30), (200,)
    yield "jpeg that is a page too", "image/jpeg", JPEG + b"<script>alert(1)</script>", (200,)
    yield "gif that is a jpeg too", "image/jpeg", b"GIF89a" + JPEG, (415,)
    yield "png with the head of a jpeg", "image/png", JPEG[:3] + PNG, (400,)
    yield "riff that is a sound", "image/webp", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), (400,)


def odd_photos():
    grey = Image.fromarray(PHOTO).convert("L")
    yield "grey", "image/jpeg", encode(grey, "JPEG"), (200,)
    yield "grey with alpha", "image/png", encode(grey.convert("LA")), (200,)
    yield "rgba", "image/png", encode(Image.fromarray(PHOTO).convert("RGBA")), (200,)
    yield "palette", "image/png", encode(Image.fromarray(PHOTO).convert("P")), (200,)
    yield "one bit", "image/png", encode(Image.fromarray(PHOTO).convert("1")), (200,)
    yield "cmyk", "image/jpeg", encode(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"), (200,)
    yield "cmyk tiff", "image/tiff", encode(Image.fromarray(PHOTO).convert("CMYK"), "TIFF"), (200,)
    yield "lab", "image/tiff", encode(Image.fromarray(PHOTO).convert("LAB"), "TIFF"), (200,)
    yield "16 bit", "image/png", encode(Image.fromarray(np.full((50, 50), 40000, np.uint16))), (200,)
    yield "32 bit", "image/tiff", encode(Image.fromarray(np.full((50, 50), 40000, np.int32)), "TIFF"), (200,)
    floats = Image.fromarray(np.array([[np.nan, np.inf], [-np.inf, 1]], np.float32).repeat(40, 0).repeat(40, 1))
    yield "floats that are none", "image/tiff", encode(floats, "TIFF"), (200, 400)
    yield "smallest", "image/png", encode(blank(32, 32)), (200,)
    yield "too small", "image/png", encode(blank(31, 400)), (422,)
    yield "one pixel", "image/png", encode(blank(1, 1)), (422,)
    yield "very wide", "image/png", encode(blank(32, 30000)), (200,)
    yield "very high", "image/png", encode(blank(30000, 32)), (200,)
    yield "progressive", "image/jpeg", encode(PHOTO, "JPEG", progressive=True), (200,)
    for orientation in (0, 9, 255, 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation {orientation}", "image/jpeg", encode(PHOTO, "JPEG", exif=exif), (200,)
    yield "exif of noise", "image/jpeg", encode(PHOTO, "JPEG", exif=b"Exif\0\0" + bytes(range(256))), (200,)


def wrong_json():
    kind = "application/json"
    for number, text in enumerate(
        ["", "{", "nul", '{"image": [[[1,2,3]]', "{'image': 1}", '{"image": NaN}', '{"image": [[[Infinity,1,1]]]}']
        + [
            '{"image": [[[-Infinity,1,1]]]}',
            '{"image": "\\ud800',
            "[" * 100_000,
            '{"image": ' + "[" * 50_000,
            "\0",
            "1 2",
        ]
        + ['{"image": 1}}', "\ufeff\ufeff{}"]
    ):
        yield f"no JSON {number}", kind, text.encode("utf-8", "surrogatepass"), (400, 422)
    yield "utf-16", kind, '{"image": ""}'.encode("utf-16"), (400,)
    yield "latin-1", kind, '{"image": "ü"}'.encode("latin-1"), (400,)
    yield "a bomb of digits", kind, b'{"image": ' + b"9" * 100_000 + b"}", (400, 422)
    for value in (
        [
            None,
            True,
            1,
            1.5,
            {},
            {"a": 1},
            [],
            [[]],
            [[[]]],
            [1, 2, 3],
            [[1, 2, 3]],
            "x",
            "====",
            "data:image/png;base64,",
        ]
        + [[[[1, 2]] * 40] * 40, [[[1, 2, 3, 4]] * 40] * 40, [[[1, 2, 3]] * 31] * 40]
        + [[[["a", "b", "c"]] * 40] * 40, [[[None, 1, 2]] * 40] * 40, [[[True, False, True]] * 40] * 40]
        + [
            [[[-1, 0, 0]] * 40] * 40,
            [[[256, 0, 0]] * 40] * 40,
            [[[1e9, 0, 0]] * 40] * 40,
            [[[10**400, 0, 0]] * 40] * 40,
        ]
        + [
            [[[1, 2, 3]] * 40] * 39 + [[[1, 2, 3]] * 41],
            [[[1, 2, 3]] * 40] * 39 + [[[1, 2]] * 40],
            [[[{}, 1, 2]] * 40] * 40,
        ]
        + [
            [[]] * 100_000,
            [[[0, 0, 0]] * 200] * 39 + [5],
            base64.b64encode(b"nothing").decode(),
            "ümlaut",
            "a" * 50_001,
        ]
    ):
        yield f"image {str(value)[:40]}", kind, json.dumps({"image": value}).encode(), (400, 415, 422)
    for value in ([], 1, "x", None):
        yield f"body {value}", kind, json.dumps(value).encode(), (422,)
    yield (
        "infinite number",
        kind,
        b'{"image": ' + str([[[1, 2, 3]] * 40] * 40).replace("1", "1e999").encode() + b"}",
        (422,),
    )
    image = base64.b64encode(PNG).decode()
    for name, value in (("previous", []), ("previous", "x"), ("max_increase", 1), ("annotated", "y"), ("crop", [])):
        yield f"field {name} {value}", kind, json.dumps({"image": image, name: value}).encode(), (422,)
    yield "unknown fields", kind, json.dumps({"image": image, "__proto__": {}, "x" * 1000: 1}).encode(), (200,)
    yield "image twice", kind, b'{"image": 1, "image": "' + image.encode() + b'"}', (200,)


def wrong_forms():
    def form(*parts, boundary=b"B"):
        return b"".join(b"--B\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + b"--B--\r\n"

    file = b'Content-Disposition: form-data; name="image"; filename="x"'
    field = b'Content-Disposition: form-data; name="image"'
    kind = "multipart/form-data; boundary=B"
    yield "form without boundary", "multipart/form-data", form((file, PNG)), (400, 422)
    yield "form with another boundary", "multipart/form-data; boundary=C", form((file, PNG)), (400, 422)
    yield "empty form", kind, b"", (400, 422)
    yield "form that breaks off", kind, form((file, PNG))[:-300], (400, 422)
    yield "field in place of a file", kind, form((field, b"text")), (422,)
    yield "two files", kind, form((file, PNG), (file, PNG)), (422,)
    previous = b'Content-Disposition: form-data; name="previous"; filename="x"'
    yield "file in place of a field", kind, form((previous, b"1"), (file, PNG)), (422,)
    yield "500 parts", kind, form(*[(b'Content-Disposition: form-data; name="a"', b"1")] * 500), (413,)
    yield "large field", kind, form((b'Content-Disposition: form-data; name="a"', b"1" * 200_000), (file, PNG)), (413,)
    yield "part without head", kind, form((b"X: 1", PNG)), (400, 422)
    yield "head without end", kind, b"--B\r\n" + b"A" * 100_000, (400, 413, 422)
    yield "path as file name", kind, form((file.replace(b'"x"', b'"../../etc/passwd"'), PNG)), (200,)
    yield "file of nothing", kind, form((file, b"")), (400,)
    yield "strange charset", kind + "; charset=klingon", form((file, PNG)), (200, 400)


CASES = [*truncated(), *damaged(), *filled_up(), *bombs(), *strangers(), *odd_photos(), *wrong_json(), *wrong_forms()]


@pytest.fixture(scope="module")
def client():
    app, engine = fake_server.start_app()
    yield app.test_client()
    engine.stop()


def test_there_are_two_hundred():
    assert len(CASES) >= 200
    assert len({body for _, _, body, _ in CASES}) > 190


@pytest.mark.parametrize(("kind", "body", "expected"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_bad_body(client, kind, body, expected):
    answer = client.post("/recognize", data=body, content_type=kind)
    assert answer.status_code in (expected or REFUSED), answer.get_data(as_text=True)[:300]
    assert answer.is_json
    if answer.status_code != 200:
        assert set(answer.json) == {"error", "detail", "request_id"}
        assert len(answer.json["detail"]) < 400
    text = answer.get_data(as_text=True)
    assert "Traceback" not in text and "/site-packages/" not in text


def test_the_server_is_as_it_was(client):
    for _, kind, body, _ in CASES[::7]:
        client.post("/recognize", data=body, content_type=kind)
    form = {"image": (io.BytesIO(PNG), "x")}
    assert client.post("/recognize", data=form).json["text"] == fake_server.TEXT
    assert "meter_queue_requests 0.0" in client.get("/metrics").text
