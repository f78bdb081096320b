import dataclasses
import json

import numpy as np

from deploy.recognition.photo_files import Photo
from deploy.recognition.recognition import Recognition
from deploy.serving.answers import answer
from deploy.serving.bodies import Options
from deploy.serving.openapi import document
from deploy.serving.settings import ServerSettings

CORNERS = np.array([[10, 20], [60, 20], [60, 40], [10, 40]], np.float32)
PHOTO = Photo(np.zeros((100, 200, 3), np.uint8), (200, 400))


def counter(text, confidence, corners=CORNERS):
    fields = {"text": text, "integer": text, "confidence": confidence, "counter_class": "analog", "counter_score": 0.9}
    return Recognition(True, corners=corners, **fields)


def answer_to(recognition):
    return json.loads(json.dumps(answer(PHOTO, recognition, 0.1, Options())))


def test_every_counter_of_a_photo():
    found = answer_to(dataclasses.replace(counter("00123", 0.9), others=(counter("00456", 0.8, CORNERS + (80, 40)),)))
    assert found["several"] is True
    assert (found["text"], found["confidence"]) == ("00123", 0.9)
    assert [(reading["text"], reading["confidence"]) for reading in found["readings"]] == [
        ("00123", 0.9),
        ("00456", 0.8),
    ]
    # in pixels of the photo in its file, which is twice as large as what was read
    np.testing.assert_allclose(found["readings"][0]["corners"], 2 * CORNERS)
    np.testing.assert_allclose(found["readings"][1]["corners"], 2 * (CORNERS + (80, 40)))


def test_one_counter_and_none():
    one = answer_to(counter("00123", 0.9))
    assert one["several"] is False and [reading["text"] for reading in one["readings"]] == ["00123"]
    none = answer_to(Recognition(False, "no_meter"))
    assert none["several"] is False and none["readings"] == []


def test_the_document_tells_of_every_counter():
    schema = document(ServerSettings())["components"]["schemas"]["Recognition"]
    assert {"several", "readings"} <= set(schema["required"])
    (reading,) = answer_to(counter("00123", 0.9))["readings"]
    told = schema["properties"]["readings"]["items"]
    assert set(reading) == set(told["properties"]) == set(told["required"])
