"""Stories of photos, told in step: the pictures that they ask to look at go through a model together.

A story is a generator for one photo. It yields pictures to look at, gets what the model says of them, and returns its
result.
"""

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")
Outputs = dict[str, np.ndarray]
Model = Callable[[np.ndarray], Outputs]


@dataclasses.dataclass(frozen=True)
class Look:
    """What a story asks for.

    Attributes:
        step: under which its time is noted.
        pictures: uint8 RGB, one or more, all of one size.
    """

    step: str
    pictures: Sequence[np.ndarray]


Story = Generator[Look, Outputs, Result]


class Clock:
    """Adds up the seconds that each step takes."""

    def __init__(self, steps: Sequence[str]) -> None:
        self.seconds = dict.fromkeys(steps, 0.0)

    @contextmanager
    def measure(self, step: str) -> Iterator[None]:
        """Adds the time of the block."""
        start = time.perf_counter()
        yield
        self.seconds[step] += time.perf_counter() - start


def tell_together(stories: Sequence[Story[Result]], model: Model, clock: Clock) -> list[Result]:
    """Returns the result of each story; what they ask to look at at the same time goes through the model at once.

    Args:
        stories: not begun yet.
        model: from uint8 RGB pictures (n, height, width, 3) to outputs by name, (n, ...) each.
        clock: notes the model's time.
    """
    results: dict[int, Result] = {}
    asked: dict[int, Look] = {}

    def go_on(index: int, outputs: Outputs | None) -> None:
        try:
            # the first step of a generator takes None
            asked[index] = stories[index].send(outputs)  # type: ignore[arg-type]
        except StopIteration as end:
            results[index] = end.value

    for index in range(len(stories)):
        go_on(index, None)
    while asked:
        looks, asked = asked, {}
        pictures = [picture for look in looks.values() for picture in look.pictures]
        with clock.measure(next(iter(looks.values())).step):
            outputs = model(np.stack(pictures))
        start = 0
        for index, look in looks.items():
            end = start + len(look.pictures)
            go_on(index, {name: value[start:end] for name, value in outputs.items()})
            start = end
    return [results[index] for index in range(len(stories))]
