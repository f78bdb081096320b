"""Stage 1: the window is found in the whole photo, and looked at again, zoomed, for its exact corners."""

from collections.abc import Sequence

import numpy as np

from . import geometry
from .looks import Clock, Look, Model, Story, tell_together
from .recognition import FIRST_LOOK, SECOND_LOOK
from .settings import WindowSettings
from .tiles import tile_views
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

    def find(self, photos: Sequence[np.ndarray], clock: Clock) -> list[list[Window]]:
        """Returns the windows on each photo, uint8 RGB (height, width, 3), perhaps none.

        The first is the first one found that further looks surely hold to be a window, with their corners, and those
        of further counters follow; where they are sure of none, it is the one that scores best, if any, alone.
        """
        return tell_together([self._search(photo, clock) for photo in photos], self._model, clock)

    def find_in_tiles(self, photo: np.ndarray, clock: Clock) -> list[Window]:
        """Returns the windows on a photo, as `find` does, that are found in overlapping tiles of it.

        One photo at a time: its tiles are pictures enough for a model to take together.
        """
        return tell_together([self._search_tiles(photo, clock)], self._model, clock)[0]

    def find_all(self, photos: Sequence[np.ndarray], zoomed: bool, clock: Clock) -> list[list[Window]]:
        """Returns all windows of each photo, the best first; two may be the same one.

        Args:
            photos: uint8 RGB (height, width, 3).
            zoomed: whether each is looked at again, as `find` does; those that are not found again are left out.
            clock: notes the time.
        """
        found = tell_together(
            [self._first_look(photo, self._settings.min_score, clock) for photo in photos], self._model, clock
        )
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

    def _search(self, photo: np.ndarray, clock: Clock) -> Story[list[Window]]:
        settings = self._settings
        found = yield from self._first_look(photo, min(settings.min_score, settings.min_score_beside), clock)
        candidates = [window for window in found if window.score >= settings.min_score]
        return (yield from self._confirm(photo, candidates, found, clock))

    def _search_tiles(self, photo: np.ndarray, clock: Clock) -> Story[list[Window]]:
        settings = self._settings
        found: list[Window] = []
        longest = settings.max_length_tiled * max(photo.shape[:2])
        by_share = tile_views(photo, self._size, settings.tile_shares, settings.tile_overlap)
        for _ in settings.tile_shares:
            with clock.measure(FIRST_LOOK):
                views = next(by_share)
            outputs = yield Look(FIRST_LOOK, [view.picture for view in views])
            in_tiles = [
                window
                for place, view in enumerate(views)
                for window in windows_of(view, outputs, place, settings.min_tile_score)
                if max(geometry.side_lengths(window.corners)) <= longest
            ]
            candidates: list[Window] = []
            for window in sorted(in_tiles, key=_score, reverse=True):
                if not window.is_among(candidates, settings):
                    candidates.append(window)
            windows = yield from self._confirm(photo, candidates, candidates, clock)
            if windows and _score(windows[0]) > _score(found[0] if found else None):
                found = windows
            if found and self.is_sure(found[0]):
                break
        return found

    def _confirm(
        self, photo: np.ndarray, candidates: Sequence[Window], found: Sequence[Window], clock: Clock
    ) -> Story[list[Window]]:
        """Returns what further looks hold to be windows, see `find`.

        Args:
            photo: uint8 RGB (height, width, 3).
            candidates: for the first window, the best first.
            found: beside it, the best first, candidates included.
            clock: notes the time.
        """
        best: Window | None = None
        looked_at: list[Window] = []
        for candidate in candidates[: self._settings.most_candidates]:
            window = yield from self._look_again(photo, candidate, clock)
            looked_at.append(candidate)
            if _score(window) >= max(self._settings.min_final_score, _score(best)):
                best = window
            if self.is_sure(best):
                break
        if best is None or not self.is_sure(best):
            return [best] if best else []
        return [best, *(yield from self._look_beside(photo, best, found, looked_at, clock))]

    def _look_beside(
        self, photo: np.ndarray, sure: Window, found: Sequence[Window], looked_at: Sequence[Window], clock: Clock
    ) -> Story[list[Window]]:
        """Returns the windows of further counters beside a sure one."""
        settings = self._settings
        beside: list[Window] = []
        seen = [sure, *looked_at]
        for candidate in found:
            if candidate.score < settings.min_score_beside or candidate.is_among(seen, settings):
                continue
            seen.append(candidate)
            window = yield from self._look_again(photo, candidate, clock)
            if window and self.is_sure(window) and not window.is_among([sure, *beside], settings):
                beside.append(window)
        return beside

    def _first_look(self, photo: np.ndarray, least: float, clock: Clock) -> Story[list[Window]]:
        """Returns what stage 1 finds in the whole photo with at least this score, the best first."""
        with clock.measure(FIRST_LOOK):
            view = letterbox(photo, self._size)
        outputs = yield Look(FIRST_LOOK, [view.picture])
        return windows_of(view, outputs, 0, least)

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
