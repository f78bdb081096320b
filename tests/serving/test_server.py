import base64
import io
import json
import threading
import time

import numpy as np
import pytest
from PIL import Image

from deploy.recognition import errors
from deploy.recognition.photo_files import decode_photo
from deploy.serving.engine import Engine
from deploy.serving.logs import JsonFormatter
from deploy.serving.metrics import Metrics
from deploy.serving.problems import WORDS
from deploy.serving.routes import create_app
from deploy.serving.settings import ServerSettings
from tests import fake_server
from tests.fake_server import CORNERS, PHOTO, PNG, TEXT, blank, encode

OLD_KEYS = {"original_image_shape", "success", "text", "counter_class", "counter_score", "time"}


@pytest.fixture(scope="module")
def client():
    app, engine = fake_server.start_app()
    yield app.test_client()
    engine.stop()


def start(**changes):
    app, engine = fake_server.start_app(**changes)
    return app.test_client(), engine


def post(client, body=PNG, kind="image/png", path="/recognize", **options):
    return client.post(path, data=body, content_type=kind, **options)


def assert_error(answer, status):
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.is_json
    assert answer.json["error"] == WORDS[status]
    assert isinstance(answer.json["detail"], str) and answer.json["detail"]
    text = answer.get_data(as_text=True)
    assert "Traceback" not in text and ".py" not in text


def test_the_answer_of_old_to_nested_lists(client):
    answer = client.post("/recognize", json={"image": PHOTO.tolist()})
    assert answer.status_code == 200
    found = answer.json
    assert OLD_KEYS <= set(found)
    assert found["original_image_shape"] == [300, 400, 3]
    assert found["success"] is True
    assert found["text"] == TEXT
    assert found["counter_class"] == "analog"
    assert isinstance(found["counter_score"], float) and found["counter_score"] == pytest.approx(0.9)
    assert isinstance(found["time"], float) and 0 < found["time"] < 30


def test_old_clients_that_name_no_json_type(client):
    body = json.dumps({"image": PHOTO.tolist()})
    for kind in (None, "application/x-www-form-urlencoded", "application/json; charset=utf-8"):
        assert post(client, body, kind).json["text"] == TEXT


def test_what_was_added(client):
    found = post(client).json
    assert (found["integer"], found["fraction"]) == ("12305", "678")
    assert 0 < found["confidence"] < 1
    assert found["confidence"] <= found["confidence_integer"] < 1
    assert found["last_wheel"] == dict(lower="8", upper="8", upper_share=0, value_low=TEXT, value_high=TEXT)
    assert found["mirrored"] is False
    assert np.abs(np.array(found["corners"]) - CORNERS).max() < 3
    assert "".join(digit["label"] for digit in found["digits"]) == "12305678"
    for digit in found["digits"]:
        assert digit["score"] == pytest.approx(0.95)
        columns, rows = np.array(digit["corners"]).T
        assert digit["box"] == [columns.min(), rows.min(), columns.max(), rows.max()]
    assert found["alternatives"][0] == {"text": TEXT, "probability": found["confidence"]}
    assert "reason" not in found and "plausible" not in found and "annotated" not in found
    assert found["model_version"] == "unknown"
    assert len(found["request_id"]) == 32


def test_without_a_meter(client):
    answer = post(client, encode(blank()))
    assert answer.status_code == 200
    found = answer.json
    assert found["success"] is False and found["reason"] == "no_meter"
    assert (found["text"], found["counter_class"], found["counter_score"]) == ("", "", 0.0)
    assert found["corners"] is None and found["digits"] == [] and found["alternatives"] == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("way", ["raw", "form", "base64", "data url", "no type"])
def test_every_format_in_every_way(client, kind, way):
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    content = encode(PHOTO, kind, **options)
    if way == "raw":
        answer = post(client, content, f"image/{kind.lower()}")
    elif way == "form":
        answer = client.post("/recognize", data={"image": (io.BytesIO(content), "photo")})
    elif way == "no type":
        answer = post(client, content, "application/octet-stream")
    else:
        text = base64.b64encode(content).decode()
        answer = client.post("/recognize", json={"image": f"data:image/x;base64,{text}" if way == "data url" else text})
    assert answer.json["text"] == TEXT


@pytest.mark.parametrize(
    "kind",
    ["image/png", "image/jpg", "image/pjpeg", "image/*", "image/heic", "IMAGE/JPEG", "image/x-png; charset=binary"]
    + ["application/octet-stream", "binary/octet-stream", "", None],
)
def test_the_content_decides_on_the_format(client, kind):
    for content in (encode(PHOTO, "JPEG", quality=95), PNG):
        assert post(client, content, kind).json["text"] == TEXT
    answer = post(client, b"GIF89a" + bytes(100), kind)
    assert_error(answer, 415)
    assert "JPEG, PNG, WebP, BMP, TIFF or HEIC" in answer.json["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "video/mp4", "image/", "image", "application/pdf"])
def test_types_that_are_no_photos(client, kind):
    assert_error(post(client, PNG, kind), 415)


def test_heic(client):
    import pillow_heif

    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = Image.fromarray(np.ascontiguousarray(np.rot90(PHOTO)))
    pillow_heif.from_pillow(pixels).save(file, quality=95, exif=exif.tobytes())
    content = file.getvalue()
    found = post(client, content, "image/heic").json
    assert found["text"] == TEXT and found["original_image_shape"] == [300, 400, 3]
    assert client.post("/recognize", json={"image": base64.b64encode(content).decode()}).json["text"] == TEXT


def test_heic_without_the_library_says_so(monkeypatch):
    def decode(*_):
        raise errors.MissingLibrary("image: HEIC needs a library")

    monkeypatch.setattr("deploy.serving.decoders._Decoder.decode", decode)
    client, engine = start()
    answer = post(client)
    assert_error(answer, 415)
    assert answer.json["detail"] == "image: HEIC needs a library"
    engine.stop()


@pytest.mark.parametrize(("limit", "scale"), [(0.2, 1), (0.05, 2), (0.01, 4)])
def test_large_jpegs_are_read_at_half_or_quarter_size(limit, scale):
    client, engine = start(max_megapixels=limit)
    large = np.array(Image.fromarray(PHOTO).resize((400, 300)))
    found = post(client, encode(large, "JPEG", quality=95), path="/recognize?annotated=1").json
    assert found["original_image_shape"] == [300, 400, 3]
    if scale < 4:
        assert found["text"] == TEXT
        # coordinates are those of the photo that was sent
        assert np.abs(np.array(found["corners"]) - CORNERS).max() < 3 * scale
    annotated = Image.open(io.BytesIO(base64.b64decode(found["annotated"])))
    assert annotated.width == 400 // scale
    assert_error(post(client, encode(np.zeros((400, 4 * int(limit * 1e6) // 100, 3), np.uint8))), 413)
    engine.stop()


def test_a_decoder_that_dies_takes_nothing_with_it(client):
    app = client.application
    assert post(client).json["text"] == TEXT
    decoders = app.config["METER_DECODERS"]
    for decoder in decoders._decoders:
        if decoder._process is not None:
            decoder._process.kill()
            decoder._process.wait()
    for _ in range(3):
        assert post(client).json["text"] == TEXT
    assert decoders._budget._free == decoders._budget.total


def test_memory_for_photos_is_shared(monkeypatch):
    # room for one photo to be decoded, or for some that are
    client, engine = start(queue_length=16, batch_size=8, max_megapixels=1, photo_memory_mb=9, request_seconds=60)
    decoders = client.application.config["METER_DECODERS"]
    assert decoders._budget.total == 9 * 2**20 and len(decoders._decoders) == 1
    statuses = []
    photo = encode(np.zeros((900, 1100, 3), np.uint8))
    images = [base64.b64encode(photo).decode()] * 6

    def ask():
        statuses.append(client.application.test_client().post("/recognize/batch", json={"images": images}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    fake_server.wait_for(lambda: decoders._budget._free == decoders._budget.total)
    engine.stop()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(client, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(PHOTO, "PNG", exif=exif)
    found = post(client, content).json
    assert found["original_image_shape"] == list(decode_photo(content, "x").shape)
    # the dots of a mirrored meter are found at their places, the digits are not
    if orientation in (1, 3, 6, 8):
        assert found["text"] == TEXT


def test_two_ways_to_give_fields(client):
    form = {"image": (io.BytesIO(PNG), "x"), "previous": "12305,5", "max_increase": "1", "annotated": "true"}
    by_form = client.post("/recognize", data=form).json
    by_query = post(client, path="/recognize?previous=12305,5&max_increase=1&annotated=True").json
    image = base64.b64encode(PNG).decode()
    by_json = client.post(
        "/recognize", json={"image": image, "previous": 12305.5, "max_increase": 1, "annotated": True}
    ).json
    for found in (by_form, by_query, by_json):
        assert (found["plausible"], found["why"], found["increase"]) == (True, "increased", "0,178")
        assert found["text"] == TEXT
        annotated = Image.open(io.BytesIO(base64.b64decode(found["annotated"])))
        assert annotated.format == "JPEG" and annotated.width == 400 and annotated.height > 300


def test_annotated_pictures_of_large_photos_are_made_smaller(client):
    large = encode(np.zeros((1000, 4000, 3), np.uint8))
    annotated = post(client, large, path="/recognize?annotated=1").json["annotated"]
    assert max(Image.open(io.BytesIO(base64.b64decode(annotated))).size) == 1600


def test_the_crop(client):
    crop = post(client, path="/recognize?crop=true").json["crop"]
    assert Image.open(io.BytesIO(base64.b64decode(crop))).size == (256, 128)
    assert post(client, encode(blank()), path="/recognize?crop=true").json["crop"] is None


@pytest.mark.parametrize(
    "query",
    ["previous=-1", "previous=1e3", "previous=nan", "previous=1,2,3", "previous=" + "1" * 13, "max_increase=1"]
    + ["previous=1&max_increase=x", "annotated=perhaps", "crop=2", "previous=%D9%A1"],
)
def test_unusable_fields(client, query):
    assert_error(post(client, path=f"/recognize?{query}"), 422)


def test_fields_of_the_body_go_before_those_of_the_query(client):
    form = {"image": (io.BytesIO(PNG), "x"), "previous": "12305", "max_increase": ""}
    found = client.post("/recognize?previous=99999&max_increase=0,5", data=form).json
    assert (found["why"], found["increase"]) == ("increase_too_large", "0,678")
    form = {"image": (io.BytesIO(PNG), "x"), "previous": "12305"}
    assert_error(client.post("/recognize?previous=many", data=form), 422)


def test_empty_fields_are_not_given(client):
    assert "plausible" not in post(client, path="/recognize?previous=&max_increase=&annotated=&crop=").json


def test_a_batch_keeps_the_order_and_tells_what_failed(client):
    files = [("image", (io.BytesIO(content), "x")) for content in (PNG, b"nothing", encode(blank()), PNG)]
    answer = client.post("/recognize/batch", data={"image": [file for _, file in files]})
    assert answer.status_code == 200
    first, second, third, fourth = answer.json["results"]
    assert (first["text"], third["reason"], fourth["text"]) == (TEXT, "no_meter", TEXT)
    assert second["success"] is False and second["error"] == "unsupported_format" and second["status"] == 415
    text = base64.b64encode(PNG).decode()
    by_json = client.post("/recognize/batch", json={"images": [text, PHOTO.tolist()], "previous": "12305"})
    assert [(found["text"], found["plausible"]) for found in by_json.json["results"]] == [(TEXT, True)] * 2


def test_batches_have_a_size(client):
    assert_error(client.post("/recognize/batch", json={"images": []}), 422)
    assert_error(client.post("/recognize/batch", json={"images": [""] * 17}), 422)
    assert_error(client.post("/recognize/batch", data={"previous": "1"}), 415)
    assert_error(client.post("/recognize/batch", data={"image": "text"}, content_type="multipart/form-data"), 422)
    assert_error(post(client, path="/recognize/batch"), 415)
    form = {"image": [(io.BytesIO(b"x"), "x") for _ in range(17)]}
    assert_error(client.post("/recognize/batch", data=form), 422)


def test_two_photos_need_the_other_route(client):
    form = {"image": [(io.BytesIO(PNG), "a"), (io.BytesIO(PNG), "b")]}
    assert_error(client.post("/recognize", data=form), 422)


def test_request_ids(client):
    answer = post(client, headers={"X-Request-ID": "order-7.b"})
    assert answer.json["request_id"] == answer.headers["X-Request-ID"] == "order-7.b"
    strange = post(client, b"", headers={"X-Request-ID": 'x"} {'})
    assert_error(strange, 400)
    assert strange.json["request_id"] == strange.headers["X-Request-ID"] != 'x"} {'


def test_unknown_routes_and_methods(client):
    assert_error(client.get("/nowhere"), 404)
    answer = client.get("/recognize")
    assert_error(answer, 405)
    assert "POST" in answer.headers["Allow"]


def test_bodies_that_are_too_large():
    client, engine = start(max_body_mb=0.01)
    assert_error(post(client, bytes(10_486)), 413)
    assert_error(post(client, bytes(10_485)), 415)
    engine.stop()


def test_photos_with_too_many_pixels():
    small, engine = start(max_megapixels=0.05)
    assert_error(post(small), 413)
    assert_error(small.post("/recognize", json={"image": PHOTO.tolist()}), 413)
    engine.stop()


def test_token():
    client, engine = start(token="s3cret")
    assert_error(post(client), 401)
    for value in (
        "Bearer s3cre",
        "Bearer S3CRET",
        "Basic s3cret",
        "Bearer",
        "s3cret",
        "Bearer s3cret ",
        "Bearer schl\u00fcssel",
    ):
        assert_error(post(client, headers={"Authorization": value}), 401)
    assert_error(client.get("/metrics"), 401)
    assert_error(client.post("/recognize/batch"), 401)
    for value in ("Bearer s3cret", "bearer s3cret", "BEARER s3cret"):
        assert post(client, headers={"Authorization": value}).json["text"] == TEXT
    for path in ("/health/live", "/health/ready", "/openapi.json", "/"):
        with client.get(path) as answer:
            assert answer.status_code == 200
    engine.stop()


def test_a_bug_is_no_traceback_and_breaks_no_neighbour(caplog):
    client, engine = start(batch_size=4, queue_length=8)
    broken = blank()
    broken[0, 0] = (255, 0, 255)
    answer = post(client, encode(broken))
    assert_error(answer, 500)
    assert "secret" not in answer.get_data(as_text=True)
    assert "ZeroDivisionError" in caplog.text
    images = [base64.b64encode(encode(picture)).decode() for picture in (PHOTO, broken)]
    assert_error(client.post("/recognize/batch", json={"images": images}), 500)
    assert post(client).json["text"] == TEXT
    engine.stop()


def test_not_ready_while_loading():
    goes_on = threading.Event()

    def load():
        goes_on.wait(30)
        return fake_server.reader()

    settings, figures = ServerSettings(), Metrics()
    engine = Engine(load, 1, 1, figures)
    client = create_app(settings, engine, figures).test_client()
    engine.start()
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200
    answer = post(client)
    assert_error(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1
    goes_on.set()
    fake_server.wait_for(lambda: client.get("/health/ready").status_code == 200)
    assert post(client).status_code == 200
    engine.drain()
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/ready").json["status"] == "draining"
    assert post(client).status_code == 200
    engine.stop()
    assert_error(post(client), 503)


def test_a_full_queue_and_a_long_wait():
    holds, entered = threading.Event(), threading.Event()

    class Held(fake_server.SlowReader):
        def read_batch(self, photos):
            if len(photos) and photos[0].shape[0] == 300:
                entered.set()
                holds.wait(30)
            return super().read_batch(photos)

    def load():
        return Held(fake_server.reader().models)

    app, engine = fake_server.start_app(load, queue_length=1, batch_size=1, request_seconds=2)
    # the decoding process takes its time to start
    fake_server.wait_for(lambda: post(app.test_client(), encode(blank())).status_code == 200)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(post(app.test_client()))) for _ in range(2)]
    threads[0].start()
    entered.wait(10)
    threads[1].start()
    fake_server.wait_for(lambda: "meter_queue_requests 2.0" in app.test_client().get("/metrics").text)
    full = post(app.test_client())
    assert_error(full, 429)
    assert int(full.headers["Retry-After"]) >= 1
    begin = time.monotonic()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin < 10
    for answer in answers:
        assert_error(answer, 504)
    # what was given up waits no longer
    assert not engine._waiting
    holds.set()
    fake_server.wait_for(lambda: post(app.test_client()).status_code == 200)
    assert "meter_queue_requests 0.0" in app.test_client().get("/metrics").text
    engine.stop()


def test_metrics():
    client, engine = start()
    post(client)
    post(client, encode(blank()))
    post(client, b"x")
    text = client.get("/metrics").text
    for line in (
        'meter_requests_total{endpoint="recognize",outcome="read",status="200"} 1.0',
        'meter_requests_total{endpoint="recognize",outcome="no_meter",status="200"} 1.0',
        'meter_requests_total{endpoint="recognize",outcome="unsupported_format",status="415"} 1.0',
        'meter_photos_total{counter_class="analog",outcome="read"} 1.0',
        'meter_photos_total{counter_class="none",outcome="no_meter"} 1.0',
        'meter_stage_seconds_count{stage="first_look"} 2.0',
        'meter_stage_seconds_count{stage="queue"} 2.0',
        'meter_stage_seconds_count{stage="decode"} 3.0',
        "meter_confidence_count 1.0",
        "meter_ready_processes 1.0",
    ):
        assert line in text.splitlines(), line
    engine.stop()


def test_the_log_has_the_request_id_and_neither_picture_nor_reading(client, caplog):
    caplog.set_level("INFO", "meter.request")
    body = json.dumps({"image": PHOTO.tolist()})
    post(client, body, "application/json", headers={"X-Request-ID": "r1"})
    (record,) = caplog.records
    assert record.fields["request_id"] == "r1"
    assert (record.fields["status"], record.fields["outcome"], record.fields["bytes"]) == (200, "read", len(body))
    line = JsonFormatter().format(record)
    assert json.loads(line)["request_id"] == "r1"
    assert len(line) < 600 and TEXT not in line


def test_headers(client):
    answer = post(client)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    with client.get("/") as page:
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
