"""What was read on a photo."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from .last_wheel import LastWheel

NO_METER, ILLEGIBLE, UNREADABLE, MIRRORED = "no_meter", "illegible", "unreadable", "mirrored"
FIRST_LOOK, SECOND_LOOK, RECTIFY, STAGE2, READING = "first_look", "second_look", "rectify", "stage2", "reading"
STEPS = (FIRST_LOOK, SECOND_LOOK, RECTIFY, STAGE2, READING)


@dataclasses.dataclass(frozen=True)
class RecognizedDigit:
    """One wheel of a reading: its label, `0` to `9`, score 0 to 1, and corners (4, 2) in pixels of the photo."""

    label: str
    score: float
    corners: np.ndarray


@dataclasses.dataclass(frozen=True)
class Recognition:
    """What was read on a photo.

    Attributes:
        success: whether there is a reading.
        reason: empty, or why there is none: `no_meter`, `illegible`, `unreadable`, or `mirrored` where the
            photo may be a mirror image and reads otherwise then.
        text: `00595,825`; empty without success.
        integer: the digits before the comma.
        fraction: those after it.
        confidence: probability, 0 to 1, that the whole text is right; 0 without success.
        confidence_integer: probability, 0 to 1, that the digits before the comma are right; 0 without success.
        last_wheel: between which digits the last wheel is, and what the reading is with either; None without success
            and of displays, which have no wheels.
        counter_class: one of STAGE1_CLASSES, empty without a window.
        counter_score: the window's score, 0 to 1.
        corners: (4, 2) float32, x, y in pixels of the photo, from the reading's top-left clockwise; None without a
            window; anticlockwise where the photo is mirrored.
        mirrored: whether the photo shows the window as a mirror does; it was read the right way round.
        digits: left to right.
        alternatives: the likeliest texts with their probabilities, the reading's own first.
        seconds: by step (STEPS) and `total`; in a batch each photo's equal share.
        window: uint8 RGB, the rectified window as stage 2 saw it; None without.
        features: what the confidence rests on, see `confidence_features`; empty without success.
        features_integer: the same for the digits before the comma.
        others: readings of further counters on the photo, the surest first; they have no others themselves.
    """

    success: bool
    reason: str = ""
    text: str = ""
    integer: str = ""
    fraction: str = ""
    confidence: float = 0.0
    confidence_integer: float = 0.0
    last_wheel: LastWheel | None = None
    counter_class: str = ""
    counter_score: float = 0.0
    corners: np.ndarray | None = None
    mirrored: bool = False
    digits: tuple[RecognizedDigit, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    window: np.ndarray | None = None
    features: tuple[float, ...] = ()
    features_integer: tuple[float, ...] = ()
    others: tuple["Recognition", ...] = ()

    @property
    def readings(self) -> tuple["Recognition", ...]:
        """The reading of every counter on the photo, the surest, which is this one, first; empty without success."""
        return (self, *self.others) if self.success else ()

    @classmethod
    def of_counters(cls, counters: Sequence["Recognition"]) -> "Recognition":
        """Returns the surest reading among one or more counters of a photo, with the other readings beside it.

        Where none has a reading, the first counter's recognition is returned.
        """
        surest, *others = sorted(counters, key=lambda counter: -counter.confidence)
        if not surest.success:
            return counters[0]
        return dataclasses.replace(surest, others=tuple(other for other in others if other.success))

    def scaled(self, scale: float) -> "Recognition":
        """Returns the same on a photo so many times larger."""
        if scale == 1 or self.corners is None:
            return self
        digits = tuple(dataclasses.replace(digit, corners=digit.corners * scale) for digit in self.digits)
        others = tuple(other.scaled(scale) for other in self.others)
        return dataclasses.replace(self, corners=self.corners * np.float32(scale), digits=digits, others=others)

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the window's picture and the features, as plain values for JSON."""
        return {
            "success": self.success,
            "reason": self.reason,
            "text": self.text,
            "integer": self.integer,
            "fraction": self.fraction,
            "confidence": round(self.confidence, 4),
            "confidence_integer": round(self.confidence_integer, 4),
            "last_wheel": None
            if self.last_wheel is None
            else {**dataclasses.asdict(self.last_wheel), "upper_share": round(self.last_wheel.upper_share, 4)},
            "counter_class": self.counter_class,
            "counter_score": round(self.counter_score, 4),
            "corners": _rounded(self.corners),
            "mirrored": self.mirrored,
            "digits": [
                {
                    "label": digit.label,
                    "score": round(digit.score, 4),
                    "corners": _rounded(digit.corners),
                }
                for digit in self.digits
            ],
            "alternatives": [{"text": text, "probability": round(share, 4)} for text, share in self.alternatives],
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
            "several": bool(self.others),
            "readings": [counter._counter() for counter in self.readings],
        }

    def _counter(self) -> dict[str, Any]:
        """Returns what is told of each counter of several, as plain values for JSON."""
        return {
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "corners": _rounded(self.corners),
            "counter_class": self.counter_class,
            "counter_score": round(self.counter_score, 4),
        }


def _rounded(corners: np.ndarray | None) -> list[list[float]] | None:
    return None if corners is None else np.round(corners.astype(float), 1).tolist()
