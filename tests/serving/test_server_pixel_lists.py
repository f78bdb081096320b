"""Nested lists of pixels: read without an object a pixel, and refused before anything large is made of them."""

import gc
import json
import time
import tracemalloc

import numpy as np
import pytest

from deploy.serving import json_bodies, pixel_lists
from deploy.serving.json_bodies import MOST_VALUES, parse_json
from deploy.serving.pixel_lists import NotPixels, PixelLists
from deploy.serving.problems import RequestProblem
from tests import fake_server
from tests.fake_server import PHOTO, TEXT, blank

PIXELS = np.random.default_rng(3).integers(0, 256, (37, 41, 3), np.uint8)


def read(text, max_pixels=10_000_000):
    text = text if isinstance(text, bytes) else text.encode()
    return PixelLists(max_pixels).read(text, 0)


@pytest.fixture(params=[64, 1000, pixel_lists._CHUNK])
def chunk(request, monkeypatch):
    monkeypatch.setattr(pixel_lists, "_CHUNK", request.param)


@pytest.mark.parametrize(
    "options",
    [{}, {"separators": (",", ":")}, {"indent": 1}, {"indent": "\t"}, {"separators": (" , ", ":")}],
    ids=["python", "javascript", "indented", "tabs", "spaces"],
)
def test_however_it_is_written(chunk, options):
    text = json.dumps(PIXELS.tolist(), **options)
    found, end = read(text + ', "previous": [[[1]]]')
    np.testing.assert_array_equal(found, PIXELS)
    assert end == len(text)


def test_floats(chunk):
    found, _ = read(json.dumps(PIXELS.astype(float).tolist()))
    np.testing.assert_array_equal(found, PIXELS)
    found, _ = read(json.dumps((PIXELS * 0.9).tolist()))
    np.testing.assert_array_equal(found, (PIXELS * 0.9).astype(np.uint8))
    found, _ = read(json.dumps(PIXELS.tolist()).replace(" 10,", " 1e1,"))
    np.testing.assert_array_equal(found, PIXELS)


def test_floats_from_0_to_1_are_refused_with_a_hint(chunk):
    found, _ = read(json.dumps((PIXELS / 255).tolist()))
    assert isinstance(found, RequestProblem) and "multiply them by 255" in found.detail
    # a black photo is one
    assert read(json.dumps(blank(value=0).tolist()))[0].max() == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("], [", "], [1, 2, 3], [", 1),
        lambda text: text.replace("]], [[", "]], [[1, 2, 3], [", 1),
        lambda text: text.replace("]], [[", ", 1]], [[", 1),
        lambda text: text.replace("]], [[", "]], [], [[", 1),
        lambda text: text.replace("]], [[", ", 1], [", 1),
        lambda text: text.replace("]], [[", "]]  [[", 1),
        lambda text: text.replace(", ", ",, ", 1),
        lambda text: text.replace(", ", " ", 1),
        lambda text: text.replace("], [", '], "x", [', 1),
        lambda text: text.replace("], [", "], null, [", 1),
        lambda text: text.replace("1", "true", 1),
        lambda text: text.replace("1", "1 1", 1),
        lambda text: text.replace("1", "", 1),
        lambda text: text[:-1],
        lambda text: text[:-3],
        lambda text: text[: len(text) // 2],
        lambda text: text[:-3] + ", [1, 2, 3]]",
        lambda text: text[:-2] + ", 5]",
        lambda text: text[:-2] + "], 5]",
        lambda text: "[[[1]]]",
        lambda text: "[[[1, 2, 3, 4], [1, 2, 3, 4]]]",
        lambda text: "[[[" + "1" * 300_000,
        lambda text: "[[[1, 2, 3]" * 100,
    ],
)
def test_what_is_no_picture(chunk, change):
    text = change(json.dumps([[[1, 2, 3]] * 40] * 40))
    try:
        found, _ = read(text)
    except NotPixels:
        return
    assert isinstance(found, RequestProblem), text[:80]


@pytest.mark.parametrize(
    "value", ["256", "-1", "1000", "1e9", "1e999", "007", "00", "1-2", "1.2.3", "0x1", "--1", "1" * 99]
)
def test_numbers_that_are_no_colours(chunk, value):
    text = json.dumps([[[1, 2, 3]] * 40] * 40)
    try:
        found, _ = read(text.replace("3]", f"{value}]", 1))
    except NotPixels:
        return
    assert isinstance(found, RequestProblem) and found.status == 422


def test_limits(chunk):
    text = json.dumps([[[1, 2, 3]] * 40] * 50)
    assert read(text, 2000)[0].shape == (50, 40, 3)
    found, end = read(text, 1999)
    assert found.status == 413 and end == len(text)
    assert read(json.dumps([[[1, 2, 3]] * 31] * 40))[0].status == 422


def parse(value, **options):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse_json(text, **{"max_bytes": 2**20, "max_pixels": 10**6, "max_pictures": 3} | options)


def test_pictures_among_other_values():
    lists = PIXELS.tolist()
    found, pictures = parse(
        {"a": ["[[[1", 'x"[[[2', "\\"], "images": [lists, "[[[7", [[[1, 2]]], lists], "z": [[[[5]]]]}
    )
    assert found["a"] == ["[[[1", 'x"[[[2', "\\"] and found["z"] == [[[[5]]]]
    first, text, ragged, second = found["images"]
    assert text == "[[[7" and ragged == [[[1, 2]]]
    for key in (first, second):
        np.testing.assert_array_equal(pictures[key], PIXELS)
    found, pictures = parse(lists)
    np.testing.assert_array_equal(pictures[found], PIXELS)


def test_points_before_the_picture_do_not_take_its_place():
    found, pictures = parse({"outline": [[[1, 2], [3, 4]]] * 5, "image": PIXELS.tolist()}, max_pictures=1)
    assert found["outline"] == [[[1, 2], [3, 4]]] * 5
    np.testing.assert_array_equal(pictures[found["image"]], PIXELS)
    with pytest.raises(RequestProblem, match="more than 100,000 values"):
        parse({"image": [[[1, 2]] * 40_000]}, max_pictures=1)


def test_a_number_of_thousands_of_digits_is_called_that():
    with pytest.raises(RequestProblem) as caught:
        parse(b'{"previous": ' + b"9" * 5000 + b"}")
    assert (caught.value.status, caught.value.detail) == (
        400,
        "the body is no valid JSON in UTF-8: a number of thousands of digits",
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"image":[' + b"[]," * 10_000_000 + b"[]]}",
        b'{"image":[' + b"{}," * 10_000_000 + b"{}]}",
        b'{"image":[' + b'"",' * 10_000_000 + b'""]}',
        b'{"image":[' + b"1," * 15_000_000 + b"1]}",
        b"[" * 30_000_000,
        b'{"image":' + b"[[[1,2,3]," * 3_000_000,
        b'{"image":' + b"[[[1],[[[1]," * 2_000_000,
        b'{"image": [[["' + b"a" * 1_000_000 + b'"]' + b', ["b"]' * 200_000 + b"]]}",
        b'{"image":[' + b"[ " * 15_000_000 + b"]}",
    ],
    ids=["lists", "objects", "strings", "numbers", "deep", "open pictures", "many pictures", "long string", "spaces"],
)
def test_many_values_are_counted_before_they_are_parsed(body):
    begin, spent = time.process_time(), 0.0
    tracemalloc.start()
    try:
        with pytest.raises(RequestProblem) as caught:
            parse_json(body, 32 * 2**20, 13_000_000, 16)
        spent = time.process_time() - begin
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.status in (400, 413, 422)
    # the body itself lies there; nothing many times its size does
    assert most < 110 * 2**20 and spent < 2


def test_a_long_string_among_pixels_stays_a_string():
    body = json.dumps({"image": [["a" * 1_000_000] + ["b"] * 800]}).encode()
    tracemalloc.start()
    client, engine = fake_server.start_app()
    tracemalloc.reset_peak()
    answer = client.test_client().post("/recognize", data=body, content_type="application/json")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    engine.stop()
    assert answer.status_code == 422 and most < 20 * 2**20


def test_the_garbage_collector_stays_out_of_the_way():
    seen = []
    body = json.dumps({"image": "", "more": [[1]] * 30_000}).encode()
    gc.callbacks.append(lambda phase, details: seen.append(phase))
    try:
        json.loads(body)
        assert seen
        with json_bodies._LOCK:
            gc.collect()
        seen.clear()
        parse_json(body, 2**20, 100, 1)
        during = list(seen)
    finally:
        gc.callbacks.pop()
    assert not during and gc.isenabled()


def test_values_beside_the_pixels_have_a_limit_of_bytes():
    with pytest.raises(RequestProblem) as caught:
        parse({"image": PIXELS.tolist(), "note": "x" * 3000}, max_bytes=2000)
    assert caught.value.status == 413


@pytest.fixture(scope="module")
def client():
    app, engine = fake_server.start_app(max_body_mb=0.5, max_megapixels_lists=0.13)
    yield app.test_client()
    engine.stop()


def test_a_bare_list_is_a_photo(client):
    for kind in ("application/json", "", "application/octet-stream", "application/x-www-form-urlencoded"):
        body = json.dumps(PHOTO.tolist())
        assert client.post("/recognize", data=body, content_type=kind).json["text"] == TEXT
    found = client.post("/recognize?previous=12305", data=json.dumps(PHOTO.tolist()), content_type="application/json")
    assert found.json["plausible"] is True
    two = client.post("/recognize/batch", json=[PHOTO.tolist(), blank().tolist()])
    assert [result["text"] for result in two.json["results"]] == [TEXT, ""]


def test_lists_have_a_limit_of_their_own(client):
    # 2 MB of JSON, where other bodies may have half a MiB
    assert client.post("/recognize", json={"image": PHOTO.tolist()}).json["text"] == TEXT
    assert client.post("/recognize", json={"image": blank(400, 400).tolist()}).status_code == 413
    assert client.post("/recognize", json={"image": "A" * 600_000}).status_code == 413
    assert client.post("/recognize", data=bytes(600_000), content_type="image/png").status_code == 413


def test_one_bad_list_does_not_spoil_a_batch(client):
    ragged = blank().tolist()
    ragged[3] = ragged[3][:-1]
    images = [blank().tolist(), ragged, (blank() / 255).tolist(), [[["a", "b", "c"]]], "?", PHOTO[:200].tolist()]
    results = client.post("/recognize/batch", json={"images": images}).json["results"]
    assert [result.get("status", 200) for result in results] == [200, 422, 422, 422, 422, 200]


def test_json_has_many_values_only_as_pixels():
    assert MOST_VALUES < 13_000_000 / 100
