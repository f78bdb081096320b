"""Stage 1: the window is found in the whole photo, and looked at again, zoomed, for its exact corners."""

from collections.abc import Sequence

import numpy as np

from . import geometry
from .looks import Clock, Look, Model, Story, tell_together
from .recognition import FIRST_LOOK, SECOND_LOOK
from .settings import WindowSettings
from .window import Window, best_window, letterbox, windows_of, zoom


class WindowFinder:
    """Finds the counter's window on photos.

    Args:
        model: stage 1, see `Models`.
        size: side of its input in pixels.
        settings: thresholds.
    """

    def __init__(self, model: Model, size: int, settings: WindowSettings):
        self._model, self._size, self._settings = model, size, settings

    def find(self, photos: Sequence[np.ndarray], clock: Clock) -> list[Window | None]:
        """Returns the window on each photo, uint8 RGB (height, width, 3): the first one found that further looks surely
        hold to be a window, with their corners; where they are sure of none, the one that scores best, if any.
        """
        return tell_together([self._search(photo, clock) for photo in photos], self._model, clock)

    def find_all(self, photos: Sequence[np.ndarray], zoomed: bool, clock: Clock) -> list[list[Window]]:
        """Returns all windows of each photo, the best first; two may be the same one.

        Args:
            photos: uint8 RGB (height, width, 3).
            zoomed: whether each is looked at again, as `find` does; those that are not found again are left out.
            clock: notes the time.
        """
        found = tell_together([self._first_look(photo, clock) for photo in photos], self._model, clock)
        if not zoomed:
            return found
        stories = [
            self._look_again(photo, window, clock)
            for photo, windows in zip(photos, found, strict=True)
            for window in windows
        ]
        again = iter(tell_together(stories, self._model, clock))
        return [[window for window in (next(again) for _ in windows) if window] for windows in found]

    def is_sure(self, window: Window | None) -> bool:
        """Tells whether the window's score alone says that it is one."""
        return _score(window) >= self._settings.sure_score

    def _search(self, photo: np.ndarray, clock: Clock) -> Story[Window | None]:
        candidates = yield from self._first_look(photo, clock)
        best: Window | None = None
        for candidate in candidates[: self._settings.most_candidates]:
            window = yield from self._look_again(photo, candidate, clock)
            if _score(window) >= max(self._settings.min_final_score, _score(best)):
                best = window
            if self.is_sure(best):
                break
        return best

    def _first_look(self, photo: np.ndarray, clock: Clock) -> Story[list[Window]]:
        """Returns what stage 1 finds in the whole photo, the best first."""
        with clock.measure(FIRST_LOOK):
            view = letterbox(photo, self._size)
        outputs = yield Look(FIRST_LOOK, [view.picture])
        return windows_of(view, outputs, 0, self._settings.min_score)

    def _look_again(self, photo: np.ndarray, first: Window, clock: Clock) -> Story[Window | None]:
        """Returns the window as zoomed looks find it, None if they do not."""
        second = yield from self._zoomed_look(photo, first, clock)
        if second is None or not second.is_plausible(self._settings):
            return None
        if _shift(first, second) > self._settings.third_look_shift:
            third = yield from self._zoomed_look(photo, second, clock)
            if third and third.is_plausible(self._settings):
                return third
        return second

    def _zoomed_look(self, photo: np.ndarray, window: Window, clock: Clock) -> Story[Window | None]:
        """Returns what stage 1 finds in views zoomed on a window; of several views, the best score's."""
        starts = [window.corners]
        if not window.is_plausible(self._settings):
            # the corners make no sense: the box does, any way up
            starts = [np.roll(window.corners_in_box, -turns, axis=0) for turns in range(4)]
        with clock.measure(SECOND_LOOK):
            views = [zoom(photo, corners, self._size, self._settings.zoom_share) for corners in starts]
        outputs = yield Look(SECOND_LOOK, [view.picture for view in views])
        best: Window | None = None
        for place, view in enumerate(views):
            found = best_window(view, outputs, place, central=True)
            if found and found.score >= self._settings.second_min_score and (best is None or found.score > best.score):
                best = found
        return best


def _shift(before: Window, after: Window) -> float:
    """Returns the mean distance between two windows' corners, in heights of the latter."""
    height = max(geometry.side_lengths(after.corners)[1], 1e-6)
    return float(np.linalg.norm(before.corners - after.corners, axis=1).mean()) / height


def _score(window: Window | None) -> float:
    return window.score if window else 0.0
