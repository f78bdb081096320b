"""Labelled photos: what every importer gives and every dataset is made from."""

import dataclasses
import enum
from collections.abc import Callable

import numpy as np


class ReadingKind(enum.Enum):
    """What a source's readings tell.

    WHOLE: everything that the counter shows; without a comma there is no fraction.
    DIGITS: the digits; one without a comma says nothing about the fraction.
    NUMBER: a number with a point, its outer zeros lost.
    """

    WHOLE = "whole"
    DIGITS = "digits"
    NUMBER = "number"


@dataclasses.dataclass(frozen=True)
class LabelledBox:
    """One wheel, sign or region inside a counter window.

    Attributes:
        corners: (4, 2) float32, x, y in pixels of the photo, from the reading's top-left clockwise.
        label: one of STAGE2_CLASSES.
    """

    corners: np.ndarray
    label: str


@dataclasses.dataclass(frozen=True)
class LabelledWindow:
    """A counter window.

    Attributes:
        corners: (4, 2) float32, x, y in pixels of the photo, from the reading's top-left clockwise; None where only
            the reading is known, which serves evaluation alone.
        label: one of STAGE1_CLASSES.
        boxes: what stands in it; empty where that is not known.
        readings: every text that counts as right, `00595,825`; `?` stands for a wheel that nobody can tell. What one
            without a comma says is the source's `ReadingKind`. Empty where no reading is known.
    """

    corners: np.ndarray | None
    label: str
    boxes: tuple[LabelledBox, ...] = ()
    readings: tuple[str, ...] = ()

    @property
    def outline(self) -> np.ndarray:
        """The corners (4, 2) of a window that must have them; ValueError where only the reading is known."""
        if self.corners is None:
            raise ValueError(f"the window {self.readings} has no corners; keep it out of datasets")
        return self.corners


@dataclasses.dataclass(frozen=True)
class LabelledPhoto:
    """A photo and the windows in it.

    Attributes:
        name: file name, unique within its source.
        load: reads the photo: uint8 RGB (height, width, 3). Called late, so that records are cheap to list.
        split: `train`, `validation` or `test`.
        group: photos of one meter share it and stand in one split.
        windows: none for a photo without a meter.
    """

    name: str
    load: Callable[[], np.ndarray]
    split: str
    group: str
    windows: tuple[LabelledWindow, ...]


@dataclasses.dataclass(frozen=True)
class WindowCrop:
    """A rectified counter window, upright, for stage 2.

    Attributes:
        name: file name, unique within its source.
        load: reads the picture: uint8 RGB (height, width, 3), of any proportions.
        split: `train`, `validation` or `test`.
        group: crops of one meter share it and stand in one split.
        boxes_xyxy: (n, 4) float32, x_min, y_min, x_max, y_max in shares 0..1 of the crop's width and height.
        labels: n of STAGE2_CLASSES.
    """

    name: str
    load: Callable[[], np.ndarray]
    split: str
    group: str
    boxes_xyxy: np.ndarray
    labels: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Pending:
    """A record still to be made, by a worker process, as drawing it takes a while.

    Attributes:
        split: `train`, `validation` or `test`, known before the record is.
        make: a picklable callable that returns the LabelledPhoto or WindowCrop, the same at every call.
    """

    split: str
    make: Callable[[], LabelledPhoto | WindowCrop]
