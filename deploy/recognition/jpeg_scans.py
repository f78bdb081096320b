"""The work that a JPEG makes, counted before anything of it is decoded: scans and segments."""

import re

# Cameras write one scan, and ten or so when progressive; a decoder goes over the whole picture for each of them.
MOST_SEGMENTS = 4000
# bytes between segments, which a reader skips one by one
MOST_JUNK = 65536
# no stuffed byte, and none of the markers that stand alone: RST, TEM and a second SOI
_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd8]", re.DOTALL)
_START_OF_SCAN, _END = 0xDA, 0xD9


def count_scans(content: bytes) -> int | None:
    """Returns how many scans the first picture of a JPEG file has; None where its head is beyond any camera's.

    Args:
        content: the file; damaged ones have as many as are found.
    """
    scans, junk, position = 0, 0, 2
    for _ in range(MOST_SEGMENTS):
        found = _MARKER.search(content, position)
        if found is None or content[found.start() + 1] == _END:
            return scans
        if not scans:
            junk += found.start() - position
            if junk > MOST_JUNK:
                return None
        scans += content[found.start() + 1] == _START_OF_SCAN
        position = found.end() + int.from_bytes(content[found.end() : found.end() + 2])
    return None
