"""From photos to readings: find the window, look again zoomed, cut it out upright, find the digits, read them.

What is read with doubt is cut out once more, along its digits, and what then is doubtful in parts of a few wheels; all
looks at it count.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from . import geometry
from .classes import LEGIBLE_CLASSES
from .confidence import alternative_texts, confidence, confidence_features
from .errors import UserError
from .reading import Digit, Reading, decode_reading, merge_parts, merge_rows, part_regions, row_regions
from .rectification import rectify_window
from .runtime import Models
from .settings import Settings
from .window import Window, best_window, letterbox, windows_of, zoom

NO_METER, ILLEGIBLE, UNREADABLE = "no_meter", "illegible", "unreadable"
STAGES = ("first_look", "second_look", "rectify", "stage2", "reading")


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
        reason: empty, or why there is none: `no_meter`, `illegible` or `unreadable`.
        text: `00595,825`; empty without success.
        integer: the digits before the comma.
        fraction: those after it.
        confidence: probability, 0 to 1, that the whole text is right; 0 without success.
        counter_class: one of STAGE1_CLASSES, empty without a window.
        counter_score: the window's score, 0 to 1.
        corners: (4, 2) float32, x, y in pixels of the photo, from the reading's top-left clockwise; None without a
            window.
        digits: left to right.
        alternatives: the likeliest texts with their probabilities, the reading's own first.
        seconds: by stage (STAGES) and `total`; in a batch each photo's equal share.
        window: uint8 RGB, the rectified window as stage 2 saw it; None without.
        features: what the confidence rests on, see `confidence_features`; empty without success.
    """

    success: bool
    reason: str = ""
    text: str = ""
    integer: str = ""
    fraction: str = ""
    confidence: float = 0.0
    counter_class: str = ""
    counter_score: float = 0.0
    corners: np.ndarray | None = None
    digits: tuple[RecognizedDigit, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    window: np.ndarray | None = None
    features: tuple[float, ...] = ()

    def scaled(self, scale: float) -> "Recognition":
        """Returns the same on a photo so many times larger."""
        if scale == 1 or self.corners is None:
            return self
        digits = tuple(dataclasses.replace(digit, corners=digit.corners * scale) for digit in self.digits)
        return dataclasses.replace(self, corners=self.corners * np.float32(scale), digits=digits)

    def to_dict(self) -> dict:
        """Returns everything but the window's picture and the features, as plain values for JSON."""
        return {
            "success": self.success,
            "reason": self.reason,
            "text": self.text,
            "integer": self.integer,
            "fraction": self.fraction,
            "confidence": round(self.confidence, 4),
            "counter_class": self.counter_class,
            "counter_score": round(self.counter_score, 4),
            "corners": None if self.corners is None else np.round(self.corners.astype(float), 1).tolist(),
            "digits": [
                {
                    "label": digit.label,
                    "score": round(digit.score, 4),
                    "corners": np.round(digit.corners.astype(float), 1).tolist(),
                }
                for digit in self.digits
            ],
            "alternatives": [{"text": text, "probability": round(share, 4)} for text, share in self.alternatives],
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }


@dataclasses.dataclass(frozen=True)
class _Cut:
    """A window cut out of a photo.

    Attributes:
        photo: uint8 RGB (height, width, 3).
        corners: (4, 2) of what was cut out, in pixels of the photo.
        picture: uint8 RGB, the input of stage 2.
        turned: whether the window that stage 1 found stands on its head in it.
    """

    photo: np.ndarray
    corners: np.ndarray
    picture: np.ndarray
    turned: bool = False

    def upside_down(self) -> "_Cut":
        """Returns the cut turned by half."""
        corners = np.roll(self.corners, 2, axis=0)
        return dataclasses.replace(self, corners=corners, picture=self.picture[::-1, ::-1], turned=not self.turned)

    def part(self, region: np.ndarray, size: tuple[int, int]) -> "_Cut":
        """Returns a region of the window, (4,) xyxy in shares of this cut and perhaps beyond it, cut out anew."""
        corners = geometry.box_corners(region, self.corners)
        return dataclasses.replace(self, corners=corners, picture=rectify_window(self.photo, corners, size))


class _Clock:
    """Adds up the seconds that each stage takes."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - start


class MeterReader:
    """Reads meters on photos.

    Args:
        models: both stages.
        settings: thresholds; those that were exported with the models by default.
    """

    def __init__(self, models: Models, settings: Settings | None = None):
        self.models = models
        self.settings = settings or models.settings

    def read(self, photo: np.ndarray) -> Recognition:
        """Returns what stands on a photo: uint8 RGB (height, width, 3).

        Raises:
            UserError: the array is no such photo.
        """
        return self.read_batch([photo])[0]

    def read_batch(self, photos: Sequence[np.ndarray]) -> list[Recognition]:
        """Returns a recognition for each photo; the models see all photos at once.

        Raises:
            UserError: one of the arrays is no uint8 RGB photo (height, width, 3).
        """
        for photo in photos:
            if not (photo.ndim == 3 and photo.shape[2] == 3 and photo.dtype == np.uint8 and photo.size):
                raise UserError(
                    f"expected a photo as uint8 RGB (height, width, 3), got {photo.dtype} {tuple(photo.shape)}"
                )
        if not photos:
            return []
        clock = _Clock()
        with clock.measure("first_look"):
            candidates = self._first_look(photos)
        with clock.measure("second_look"):
            windows = self._confirmed(photos, candidates)
        legible = [index for index, window in enumerate(windows) if window and window.label in LEGIBLE_CLASSES]
        with clock.measure("rectify"):
            cuts = {index: self._cut_out(photos[index], windows[index]) for index in legible}
        readings = self._read_cuts(cuts, clock)
        with clock.measure("reading"):
            recognitions = [
                self._recognition(window, *readings[index]) if index in readings else self._without_reading(window)
                for index, window in enumerate(windows)
            ]
        seconds = {stage: value / len(photos) for stage, value in clock.seconds.items()}
        seconds["total"] = sum(seconds.values())
        return [dataclasses.replace(recognition, seconds=dict(seconds)) for recognition in recognitions]

    def _first_look(self, photos: Sequence[np.ndarray]) -> list[list[Window]]:
        """Returns what stage 1 finds in each whole photo, the best first."""
        settings = self.settings.window
        views = [letterbox(photo, self.models.stage1_size) for photo in photos]
        outputs = self.models.stage1(np.stack([view.picture for view in views]))
        return [
            windows_of(view, outputs, index, settings.min_score)[: settings.most_candidates]
            for index, view in enumerate(views)
        ]

    def _confirmed(self, photos: Sequence[np.ndarray], candidates: Sequence[Sequence[Window]]) -> list[Window | None]:
        """Returns for each photo the first candidate that further looks surely hold to be a window, with their corners;
        where they are sure of none, the one that scores best.
        """
        result: list[Window | None] = [None] * len(photos)
        for place in range(max(map(len, candidates))):
            next_ones = [
                windows[place] if place < len(windows) and not self._is_sure(confirmed) else None
                for confirmed, windows in zip(result, candidates, strict=True)
            ]
            for index, window in enumerate(self.look_again(photos, next_ones)):
                if _score(window) >= max(self.settings.window.min_final_score, _score(result[index])):
                    result[index] = window
        return result

    def look_again(self, photos: Sequence[np.ndarray], first: Sequence[Window | None]) -> list[Window | None]:
        """Returns the windows as zoomed looks find them, None for those that they do not find."""
        settings = self.settings.window
        result = [
            window if window and window.is_plausible(settings) else None for window in self._zoomed_look(photos, first)
        ]
        moved = [
            after if before and after and _shift(before, after) > settings.third_look_shift else None
            for before, after in zip(first, result, strict=True)
        ]
        if any(moved):
            for index, third in enumerate(self._zoomed_look(photos, moved)):
                if third and third.is_plausible(settings):
                    result[index] = third
        return result

    def _zoomed_look(self, photos: Sequence[np.ndarray], windows: list[Window | None]) -> list[Window | None]:
        """Returns what stage 1 finds in views zoomed on windows; of several views of one window, the best score's."""
        settings = self.settings.window
        views, owners = [], []
        for index, window in enumerate(windows):
            if window is None:
                continue
            starts = [window.corners]
            if not window.is_plausible(settings):
                # the corners make no sense: the box does, any way up
                starts = [np.roll(window.corners_in_box, -turns, axis=0) for turns in range(4)]
            for corners in starts:
                views.append(zoom(photos[index], corners, self.models.stage1_size, settings.zoom_share))
                owners.append(index)
        result: list[Window | None] = [None] * len(windows)
        if not views:
            return result
        outputs = self.models.stage1(np.stack([view.picture for view in views]))
        for place, (index, view) in enumerate(zip(owners, views, strict=True)):
            found = best_window(view, outputs, place, central=True)
            if found and found.score >= settings.second_min_score:
                if result[index] is None or found.score > result[index].score:
                    result[index] = found
        return result

    def _cut_out(self, photo: np.ndarray, window: Window) -> _Cut:
        corners = geometry.expand_corners(window.corners, *geometry.WINDOW_MARGIN)
        return _Cut(photo, corners, rectify_window(photo, corners, self.models.stage2_size))

    def _read_cuts(self, cuts: dict[int, _Cut], clock: _Clock) -> dict[int, tuple[_Cut, Reading]]:
        """Returns the reading of each cut, beside the cut itself the way up in which it was read."""
        readings = self._detect(cuts, clock)
        below = self.settings.window.flip_below
        doubtful = {index: cuts[index].upside_down() for index, reading in readings.items() if reading.score < below}
        for index, reading in self._detect(doubtful, clock).items():
            if reading.evidence > readings[index].evidence:
                cuts, readings = {**cuts, index: doubtful[index]}, {**readings, index: reading}
        readings = self._read_closer(cuts, readings, clock, row_regions, merge_rows)
        doubtful_parts = functools.partial(part_regions, below=self.settings.reading.read_again_below)
        readings = self._read_closer(cuts, readings, clock, doubtful_parts, merge_parts)
        return {index: (cuts[index], reading) for index, reading in readings.items()}

    def _read_closer(
        self,
        cuts: dict[int, _Cut],
        readings: dict[int, Reading],
        clock: _Clock,
        regions_of: Callable[[Sequence[Digit]], list[np.ndarray]],
        merge: Callable[[Reading, Sequence[Reading], Sequence[np.ndarray]], Reading],
    ) -> dict[int, Reading]:
        """Returns the readings, the doubtful ones merged with what is read in regions of their cuts, cut out anew."""
        regions = {index: regions_of(reading.digits) for index, reading in self._doubtful(readings)}
        with clock.measure("rectify"):
            closer = {
                (index, place): cuts[index].part(region, self.models.stage2_size)
                for index, found in regions.items()
                for place, region in enumerate(found)
            }
        looks = self._detect(closer, clock)
        with clock.measure("reading"):
            merged = {
                index: merge(readings[index], [looks[index, place] for place in range(len(found))], found)
                for index, found in regions.items()
            }
        return {**readings, **merged}

    def _doubtful(self, readings: dict[int, Reading]) -> list[tuple[int, Reading]]:
        settings = self.settings.reading
        return [
            (index, reading)
            for index, reading in readings.items()
            if len(reading.digits) >= settings.min_digits
            and min(digit.score for digit in reading.digits) < settings.read_again_below
        ]

    def _detect(self, cuts: dict[Hashable, _Cut], clock: _Clock) -> dict[Hashable, Reading]:
        if not cuts:
            return {}
        with clock.measure("stage2"):
            outputs = self.models.stage2(np.stack([cut.picture for cut in cuts.values()]))
        with clock.measure("reading"):
            return {
                index: decode_reading(boxes, scores, self.settings.reading)
                for index, boxes, scores in zip(cuts, outputs["boxes"], outputs["class_scores"], strict=True)
            }

    def _recognition(self, window: Window, cut: _Cut, reading: Reading) -> Recognition:
        if cut.turned:
            window = dataclasses.replace(window, corners=np.roll(window.corners, 2, axis=0))
        unreadable = self._without_reading(window, UNREADABLE, cut.picture)
        settings = self.settings.reading
        if len(reading.digits) < settings.min_digits:
            return unreadable
        features = confidence_features(reading, window.score)
        digits_right = confidence(features, self.models.confidence)
        least = settings.min_confidence if self._is_sure(window) else settings.min_confidence_unsure
        # whether it is a meter, the digits tell; where the comma stands may be in doubt on a good one
        if digits_right < least:
            return unreadable
        probability = digits_right * reading.comma.probability
        corners = geometry.box_corners(np.stack([digit.box for digit in reading.digits]), cut.corners)
        digits = tuple(
            RecognizedDigit(digit.label, digit.score, own) for digit, own in zip(reading.digits, corners, strict=True)
        )
        return Recognition(
            success=True,
            text=reading.text,
            integer=reading.integer,
            fraction=reading.fraction,
            confidence=probability,
            counter_class=window.label,
            counter_score=window.score,
            corners=window.corners,
            digits=digits,
            alternatives=alternative_texts(reading, probability),
            window=cut.picture,
            features=tuple(float(value) for value in features),
        )

    def _is_sure(self, window: Window | None) -> bool:
        return _score(window) >= self.settings.window.sure_score

    def _without_reading(
        self, window: Window | None, reason: str = ILLEGIBLE, picture: np.ndarray | None = None
    ) -> Recognition:
        """Returns that no digits can be read, for this reason; without a sure window, there is no meter."""
        if not self._is_sure(window):
            return Recognition(success=False, reason=NO_METER)
        return Recognition(
            success=False,
            reason=reason,
            counter_class=window.label,
            counter_score=window.score,
            corners=window.corners,
            window=picture,
        )


def _shift(before: Window, after: Window) -> float:
    """Returns the mean distance between two windows' corners, in heights of the latter."""
    height = max(geometry.side_lengths(after.corners)[1], 1e-6)
    return float(np.linalg.norm(before.corners - after.corners, axis=1).mean()) / height


def _score(window: Window | None) -> float:
    return window.score if window else 0.0
