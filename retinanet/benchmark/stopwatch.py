"""Seconds spent in functions, added up by name."""

import functools
import time
from collections import defaultdict
from collections.abc import Callable


class Stopwatch:
    """Adds up how long the functions that it wraps take, those that they call included."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)

    def wrap(self, name: str, function: Callable) -> Callable:
        """Returns the function, its seconds counted under a name."""

        @functools.wraps(function)
        def timed(*args, **options):
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self._seconds[name] += time.perf_counter() - start

        return timed

    def wrap_in(self, holder: object, names: tuple[str, ...], as_name: str = "") -> None:
        """Puts timed functions in the place of a module's own, counted under their names or all under one."""
        for name in names:
            setattr(holder, name, self.wrap(as_name or name, getattr(holder, name)))

    def take(self) -> dict[str, float]:
        """Returns the seconds by name since the last call, 0 for names that were not called."""
        taken, self._seconds = self._seconds, defaultdict(float)
        return taken
