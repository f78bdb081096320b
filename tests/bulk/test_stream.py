import threading
import weakref

import numpy as np
import pytest
from PIL import Image

from deploy.recognition import photo_files
from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.bulk import stream
from retinanet.bulk.stream import read_photos


class Reader:
    """Tells the grey of photos, and keeps count of those in memory."""

    def __init__(self):
        self.lock, self.alive, self.most, self.batches = threading.Lock(), 0, 0, []

    def count(self, photo):
        with self.lock:
            self.alive += 1
            self.most = max(self.most, self.alive)
        weakref.finalize(photo, self.forget)

    def forget(self):
        with self.lock:
            self.alive -= 1

    def read_batch(self, photos):
        self.batches.append(len(photos))
        return [Recognition(True, text=str(photo[0, 0, 0]), window=np.zeros((9, 9, 3), np.uint8)) for photo in photos]


@pytest.fixture
def reader(monkeypatch):
    reader = Reader()

    def counted(path):
        photo = photo_files.read_large_photo(path)
        reader.count(photo.pixels)
        return photo

    monkeypatch.setattr(stream, "read_large_photo", counted)
    return reader


@pytest.fixture
def files(tmp_path):
    for number in range(60):
        Image.fromarray(np.full((32, 32, 3), number, np.uint8)).save(tmp_path / f"{number:02}.png")
    (tmp_path / "17.png").write_bytes(b"nothing")
    return photo_files.find_photos([tmp_path])


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (4, 2), (7, 3), (100, 2)])
def test_results_come_in_order_and_a_bad_file_stops_nothing(reader, files, batch_size, threads):
    results = list(read_photos(reader, files, batch_size=batch_size, threads=threads))
    assert [result.path for result in results] == [file.path for file in files]
    texts = [result.recognition.text if result.recognition else "-" for result in results]
    assert texts == ["-" if number == 17 else str(number) for number in range(60)]
    assert "17.png: not a photo" in results[17].error
    assert max(reader.batches) == min(batch_size, 59)
    assert not any(result.recognition.window is not None for result in results if result.recognition)


def test_few_photos_are_in_memory_however_slowly_results_are_taken(reader, files):
    results = read_photos(reader, files, batch_size=4, threads=2)
    for _ in range(5):
        next(results)
    # all that was begun is read by now, and nothing more is begun until a result is taken
    assert sum(reader.batches) <= 4 * (2 + 2)
    assert len(list(results)) == 55
    assert 0 < reader.most <= 4 * 2
    assert reader.alive == 0


def test_the_list_of_files_is_taken_as_photos_are_read(reader, files):
    taken = []

    def remaining():
        for file in files:
            taken.append(file)
            yield file

    results = read_photos(reader, remaining(), batch_size=4, threads=2)
    next(results)
    assert len(taken) == 4 * (2 + 2)
    results.close()


def test_finish_gets_each_photo_and_may_fail(reader, files):
    seen = {}
    list(read_photos(reader, files, lambda file, photo, found: seen.update({file.path: (photo[0, 0, 0], found.text)})))
    assert [int(grey) for grey, _ in (seen[file.path] for file in files if file.path in seen)] == [
        number for number in range(60) if number != 17
    ]
    assert all(str(grey) == text for grey, text in seen.values())

    def fail(file, photo, found):
        raise UserError("disk full")

    with pytest.raises(UserError, match="disk full"):
        list(read_photos(reader, files, fail))


def test_an_interruption_begins_nothing_more(reader, files):
    results = read_photos(reader, files, batch_size=2, threads=2)
    next(results)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    begun = sum(reader.batches)
    assert begun <= 2 * (2 + 2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("photos")]
