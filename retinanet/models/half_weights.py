"""Weights in half the bytes: kernels as float16 in a `.keras` file, which Keras reads back into float32."""

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np

WEIGHTS_FILE = "model.weights.h5"


def store_half(path: Path) -> None:
    """Rounds the kernels of a `.keras` file to float16.

    What has one dimension, such as biases and the statistics of batch normalisation, stays float32: it is few bytes,
    and a variance near zero would become zero. Numbers beyond float16's range become its largest.

    Raises:
        OSError: the file cannot be written.
    """
    with zipfile.ZipFile(path) as archive:
        contents = {entry: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in contents.items():
            archive.writestr(entry, _halved(content) if entry.filename == WEIGHTS_FILE else content)


def _halved(content: bytes) -> bytes:
    """Returns an HDF5 file with the kernels of another one as float16."""
    target = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(target, "w") as copy:

        def add(name, item):
            if isinstance(item, h5py.Group):
                made = copy.create_group(name)
            else:
                made = copy.create_dataset(name, data=_rounded(item[()]))
            made.attrs.update(item.attrs)

        copy.attrs.update(source.attrs)
        source.visititems(add)
    return target.getvalue()


def _rounded(values: np.ndarray) -> np.ndarray:
    if values.ndim < 2 or values.dtype != np.float32:
        return values
    largest = np.finfo(np.float16).max
    return np.clip(values, -largest, largest).astype(np.float16)
