"""Readers that answer what they are told, and photos for them."""

import types

import numpy as np

from deploy.recognition.recognition import Recognition


class FakeReader:
    """Answers these texts in turn, after so many seconds, with these confidences."""

    def __init__(self, texts, seconds, confidences=None):
        self.answers = iter(zip(texts, seconds, confidences or [0.5] * len(texts), strict=True))
        self.photos = []

    def read(self, pixels):
        self.photos.append(pixels)
        text, total, confidence = next(self.answers)
        seconds = {"first_look": total / 4, "second_look": total / 4, "stage2": total / 4, "total": total}
        return Recognition(success=True, text=text, confidence=confidence, seconds=seconds)


class FakePhoto:
    """A labelled photo, grey noise of 24 x 32 pixels."""

    def __init__(self, reading):
        self.windows = [types.SimpleNamespace(readings=(reading,))]

    def load(self):
        return np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
