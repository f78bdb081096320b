"""What the processes of a server know of each other, in memory that they share."""

import mmap

_PLACES = 256
_MOST_SECONDS = 60


class Board:
    """A place for each worker, marked once it is ready, and how many in a row ended before they were.

    It is made before the workers are forked; gunicorn numbers them, and no two that live at once share a place.
    """

    def __init__(self) -> None:
        self._cells = memoryview(mmap.mmap(-1, 4 * (_PLACES + 1))).cast("I")

    def mark_ready(self, number: int) -> None:
        """Says that a worker accepts requests."""
        self._cells[number % _PLACES] = 1
        self._cells[_PLACES] = 0

    def mark_ended(self, number: int) -> None:
        """Says that a worker is no more."""
        if not self._cells[number % _PLACES]:
            self._cells[_PLACES] += 1
        self._cells[number % _PLACES] = 0

    def another_is_ready(self, number: int) -> bool:
        """Returns whether a worker other than this one accepts requests."""
        return any(self._cells[place] for place in range(_PLACES) if place != number % _PLACES)

    @property
    def delay(self) -> float:
        """Seconds that the next worker should wait before it loads the models: more after each that failed."""
        failures = self._cells[_PLACES]
        return min(_MOST_SECONDS, 2.0 ** (min(failures, 10) - 1)) if failures else 0.0
