import contextlib
import logging
import os
import threading
import time
from decimal import Decimal

import pytest

from deploy.recognition.errors import UserError
from deploy.serving import plausibility
from deploy.serving import settings as settings_module
from deploy.serving.engine import Engine
from deploy.serving.metrics import Metrics
from deploy.serving.problems import RequestProblem
from deploy.serving.settings import ServerSettings, describe, read_settings
from deploy.serving.states import READY
from tests import fake_server
from tests.fake_server import PHOTO, blank


def judge(integer, fraction, previous, *limits):
    limits = [None if limit is None else Decimal(limit) for limit in limits]
    found = plausibility.judge(integer, fraction, Decimal(previous), *limits)
    return found["plausible"], found["why"], found["increase"]


@pytest.mark.parametrize(
    ("reading", "previous", "limit", "expected"),
    [
        (("00595", "825"), "595.825", None, (True, "unchanged", "0")),
        (("00595", "825"), "590", None, (True, "increased", "5,825")),
        (("00595", "825"), "590", "5.825", (True, "increased", "5,825")),
        (("00595", "825"), "590", "5", (False, "increase_too_large", "5,825")),
        # 99999 is followed by 00000
        (("00003", ""), "99998", None, (True, "rolled_over", "5")),
        (("00003", ""), "99998", "4", (False, "decreased", None)),
        (("00000", "100"), "99999.9", "1", (True, "rolled_over", "0,2")),
        (("09999", ""), "99999", None, (True, "rolled_over", "10000")),
        (("10000", ""), "99999", None, (False, "decreased", None)),
        (("00500", ""), "600", None, (False, "decreased", None)),
        (("00500", ""), "600", "99900", (True, "rolled_over", "99900")),
        # a counter of four digits cannot have shown five
        (("0500", ""), "10000", None, (False, "too_few_digits", None)),
        (("00595", ""), "595.9", None, (True, "unchanged", "0")),
        (("", ""), "5", None, (False, "no_reading", None)),
    ],
)
def test_plausibility(reading, previous, limit, expected):
    assert judge(*reading, previous, limit) == expected
    assert expected[1] in plausibility.REASONS


@pytest.mark.parametrize(
    ("reading", "previous", "most", "expected"),
    [
        # one unit of the last wheel, which stands between two digits
        (("00595", "824"), "595.825", None, (True, "unchanged", "0")),
        (("00595", "823"), "595.825", None, (False, "decreased", None)),
        (("00595", "823"), "595.825", "0.002", (True, "unchanged", "0")),
        (("00595", "824"), "595.825", "0", (False, "decreased", None)),
        (("00599", ""), "600.3", None, (True, "unchanged", "0")),
        # back from 00000
        (("99999", ""), "0", None, (True, "unchanged", "0")),
        (("99998", ""), "0", None, (True, "increased", "99998")),
    ],
)
def test_a_last_wheel_that_seems_to_go_back(reading, previous, most, expected):
    assert judge(*reading, previous, None, most) == expected


@pytest.mark.parametrize(("value", "expected"), [("00595,825", "595.825"), (7, "7"), (1.5, "1.5"), (1e-6, "0.000001")])
def test_numbers(value, expected):
    assert plausibility.read_number("previous", value) == Decimal(expected)


@pytest.mark.parametrize(
    "value", ["", "-1", "1e5", "NaN", "1_0", " 7", True, [], {}, -3, 1e300, 1e13, float("inf"), "１"]
)
def test_values_that_are_no_numbers(value):
    with pytest.raises(RequestProblem, match="previous: expected a number") as caught:
        plausibility.read_number("previous", value)
    assert caught.value.status == 422


def test_settings():
    assert read_settings({}) == ServerSettings()
    found = read_settings({"METER_PORT": "9000", "METER_MAX_BODY_MB": "0.5", "METER_TOKEN": "x", "HOME": "/"})
    assert (found.port, found.max_body, found.token) == (9000, 524288, "x")
    for name, _, text in describe():
        assert name.startswith("METER_") and text


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("METER_PORT", "x", "METER_PORT=x: expected a whole number from 1 to 65535"),
        ("METER_PORT", "80.5", "expected a whole number"),
        ("METER_PORT", "0", "expected a whole number"),
        ("METER_MAX_BODY_MB", "nan", "expected a number from 0.001 to 2048"),
        ("METER_LOG_LEVEL", "loud", "expected one of debug, info"),
        ("METER_TOKEN", "two words", "expected printable ASCII"),
        ("METER_PROT", "1", "METER_PROT: no such setting; there are METER_HOST"),
    ],
)
def test_settings_out_of_range(name, value, message):
    with pytest.raises(UserError, match=message):
        read_settings({name: value})


def engine_with(reader, **changes):
    options = {"queue_length": 8, "batch_size": 4} | changes
    engine = Engine(lambda: reader, metrics=Metrics(), **options)
    engine.start()
    fake_server.wait_for(lambda: engine.state == READY)
    return engine


def test_photos_that_wait_are_recognized_together():
    reader = fake_server.reader(0.05)
    sizes = []
    read_batch = reader.read_batch
    reader.read_batch = lambda photos: sizes.append(len(photos)) or read_batch(photos)
    engine = engine_with(reader)
    found = engine.recognize([PHOTO] * 5 + [blank()], time.monotonic() + 30)
    assert [recognition.text for recognition in found] == [fake_server.TEXT] * 5 + [""]
    assert sizes == [1, 4, 2]
    engine.stop()
    assert not engine._thread.is_alive()


def test_as_many_batches_are_recognized_at_once_as_there_are_threads():
    reader = fake_server.reader()
    meet = threading.Barrier(2, timeout=10)
    read_batch = reader.read_batch
    engine = engine_with(reader, batch_size=1, threads=2)

    def read_together(photos):
        # with one thread, the first would wait for the second in vain
        meet.wait()
        return read_batch(photos)

    reader.read_batch = read_together
    found = engine.recognize([PHOTO, blank()] * 3, time.monotonic() + 30)
    assert [recognition.text for recognition in found] == [fake_server.TEXT, ""] * 3
    # and no more requests are let in for it
    with engine.slot(), pytest.raises(RequestProblem), contextlib.ExitStack() as slots:
        for _ in range(9):
            slots.enter_context(engine.slot())
    threads = [engine._thread, *engine._others]
    engine.stop()
    assert len(threads) == 2 and not any(thread.is_alive() for thread in threads)


def test_two_recognizers_where_there_are_two_cores(monkeypatch):
    monkeypatch.setattr(settings_module, "cores", lambda: 4)
    expected = {(1, 0): 2, (2, 0): 2, (4, 0): 1, (8, 0): 1, (8, 3): 3}
    for (workers, recognizers), count in expected.items():
        assert ServerSettings(workers=workers, recognizers=recognizers).recognizer_count == count


def test_every_thread_gets_its_own_answer():
    engine = engine_with(fake_server.reader())
    results = {}

    def ask(number):
        photo = PHOTO if number % 2 else blank()
        results[number] = engine.recognize([photo], time.monotonic() + 30)[0].text

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: fake_server.TEXT if number % 2 else "" for number in range(20)}
    engine.stop()


def test_slots_are_given_back():
    engine = engine_with(fake_server.reader(), queue_length=1, batch_size=1)
    with engine.slot(), engine.slot():
        with pytest.raises(RequestProblem) as caught, engine.slot():
            raise AssertionError("there are two slots")
        assert caught.value.status == 429
    with pytest.raises(ZeroDivisionError), engine.slot():
        raise ZeroDivisionError
    with engine.slot(), engine.slot():
        assert engine._taken == 2
    engine.stop()


def test_models_that_cannot_be_loaded_end_the_process(caplog):
    failed = threading.Event()

    def load():
        raise UserError("models: differ from the manifest")

    engine = Engine(load, 1, 1, Metrics(), failed.set)
    engine.start()
    assert failed.wait(10)
    assert "models: differ from the manifest" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR and not caplog.records[0].exc_info


def test_models_that_break_in_the_warm_up_end_the_process(caplog):
    failed = threading.Event()
    reader = fake_server.reader()
    reader.read = lambda photo: 1 / 0
    engine = Engine(lambda: reader, 1, 1, Metrics(), failed.set)
    engine.start()
    assert failed.wait(10)
    assert "ZeroDivisionError" in caplog.text and engine.state != READY


def test_figures_of_one_process_do_not_ask_for_a_shared_folder(monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    figures = Metrics()
    figures.admitted.inc()
    assert b"meter_queue_requests 1.0" in figures.render()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
