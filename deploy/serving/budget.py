"""Memory shared among requests: each reserves what it needs before it takes it."""

import threading
import time


class Budget:
    """So many bytes, which requests reserve and give back.

    Args:
        total: bytes in all.
    """

    def __init__(self, total: int):
        self.total = total
        self._free = total
        self._changed = threading.Condition()

    def reserve(self, size: int, deadline: float | None = None) -> "Reservation | None":
        """Returns a reservation, or None if there is no room.

        Args:
            size: bytes; more than there are count as all of them.
            deadline: of time.monotonic(), until which to wait for room; None: not at all.
        """
        size = min(size, self.total)
        with self._changed:
            wait = 0.0 if deadline is None else max(0.0, deadline - time.monotonic())
            if not self._changed.wait_for(lambda: self._free >= size, wait):
                return None
            self._free -= size
        return Reservation(self, size)

    def give_back(self, size: int) -> None:
        """Takes bytes back."""
        with self._changed:
            self._free += size
            self._changed.notify_all()


class Reservation:
    """A share of a budget; a context manager that gives it back."""

    def __init__(self, budget: Budget, size: int):
        self._budget, self.size = budget, size

    def shrink(self, size: int) -> None:
        """Gives back what is more than this."""
        if size < self.size:
            self._budget.give_back(self.size - size)
            self.size = size

    def __enter__(self) -> "Reservation":
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Gives it back."""
        self.shrink(0)
