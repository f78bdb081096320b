"""Reading many photos: several threads decode and recognize a few each, and few are in memory at once."""

import dataclasses
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.machine import cores
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.photo_files import Photo, PhotoFile, read_large_photo
from deploy.recognition.recognition import Recognition
from retinanet.bulk.outputs import Result

Finish = Callable[[PhotoFile, np.ndarray, Recognition], None]


def read_photos(
    reader: MeterReader,
    files: Iterable[PhotoFile],
    finish: Finish | None = None,
    batch_size: int = 1,
    threads: int = 0,
) -> Iterator[Result]:
    """Yields what is read on each photo, in order; a file that is no photo gives its error, and the others go on.

    Each thread takes the next photos, decodes them and reads them together: while one decodes, another has the
    models. At most `threads` x `batch_size` photos are in memory, however many there are and however slowly the
    results are taken; the results come without the picture of the window.

    Args:
        reader: the models in use.
        files: the photos.
        finish: called in the thread with each photo that was read, for what needs its pixels.
        batch_size: photos that go through the models together.
        threads: 0: as many as this process has cores.

    Raises:
        UserError: what `finish` raises.
    """
    threads = threads or cores()
    batches = _in_batches(files, batch_size)
    at_work: deque[Future] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="photos")
    try:
        # one more than there are threads waits, so that none of them ever does
        for batch in itertools.islice(batches, threads + 1):
            at_work.append(pool.submit(_read, reader, batch, finish))
        while at_work:
            results = at_work.popleft().result()
            for batch in itertools.islice(batches, 1):
                at_work.append(pool.submit(_read, reader, batch, finish))
            yield from results
    finally:
        # after an error or Ctrl-C: what has begun is finished, what waits is not begun
        pool.shutdown(cancel_futures=True)


def _in_batches(files: Iterable[PhotoFile], size: int) -> Iterator[list[PhotoFile]]:
    remaining = iter(files)
    while batch := list(itertools.islice(remaining, size)):
        yield batch


def _read(reader: MeterReader, batch: Sequence[PhotoFile], finish: Finish | None) -> list[Result]:
    results: dict[int, Result] = {}
    photos: dict[int, Photo] = {}
    for index, file in enumerate(batch):
        try:
            photos[index] = read_large_photo(file.path)
        except UserError as error:
            results[index] = Result(file.path, error=str(error))
    recognitions = reader.read_batch([photo.pixels for photo in photos.values()])
    for (index, photo), found in zip(photos.items(), recognitions, strict=True):
        if finish:
            finish(batch[index], photo.pixels, found)
        results[index] = Result(batch[index].path, dataclasses.replace(found.scaled(photo.scale), window=None))
    return [results[index] for index in range(len(batch))]
