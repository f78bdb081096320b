"""A process that decodes photos, one after the other, for the server: it can be ended, and take nothing with it.

`python -m deploy.serving.decoder_process SOCKET PIXELS`: the number of an inherited SOCK_SEQPACKET socket, and how many
pixels the largest photo has. A message has the file's descriptor; the answer is JSON and, with a photo, the pixels'
descriptor.
"""

import contextlib
import json
import mmap
import os
import resource
import signal
import socket
import sys
from typing import Any, BinaryIO

import cv2
import numpy as np

from ..recognition import photo_files
from ..recognition.errors import UserError

MESSAGE = 4096
# Pillow's decoder of transparent WebP takes the most
_MOST_BYTES_A_PIXEL, _BASE_BYTES = 24, 512 * 2**20


def main() -> None:
    """Answers until the server closes its end."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        # if the memory does not suffice, this process goes and not the one with the models
        file.write("1000")
    cv2.setNumThreads(1)
    max_pixels = int(sys.argv[2])
    # a photo that takes more is made for it
    most = _BASE_BYTES + _MOST_BYTES_A_PIXEL * max_pixels
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with socket.socket(fileno=int(sys.argv[1])) as server:
        while True:
            message, descriptors, _, _ = socket.recv_fds(server, MESSAGE, 1)
            if not message:
                return
            with open(descriptors[0], "rb") as file:
                answer, pixels = _decode(file, max_pixels)
            try:
                socket.send_fds(server, [json.dumps(answer).encode()], [] if pixels is None else [pixels])
            except (BrokenPipeError, ConnectionResetError):
                return
            finally:
                if pixels is not None:
                    os.close(pixels)


def _decode(file: BinaryIO, max_pixels: int) -> tuple[dict[str, Any], int | None]:
    try:
        photo = photo_files.decode_large_photo(file, "image", max_pixels)
    except UserError as error:
        return {"error": type(error).__name__, "message": str(error)[: MESSAGE // 4]}, None
    except MemoryError:
        return {"error": "TooManyPixels", "message": "image: takes more memory than there is"}, None
    descriptor = os.memfd_create("pixels")
    os.ftruncate(descriptor, photo.pixels.nbytes)
    with mmap.mmap(descriptor, photo.pixels.nbytes) as target:
        np.copyto(np.frombuffer(target, np.uint8).reshape(photo.pixels.shape), photo.pixels)
    return {"pixels": photo.pixels.shape, "shape": photo.shape}, descriptor


if __name__ == "__main__":
    main()
