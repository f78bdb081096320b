"""What a folder of photos holds besides photos."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deploy.recognition.photo_files import PHOTO_SUFFIXES
from retinanet.foreign_text import printable

HIDDEN, WITHOUT_ENDING, NO_FILE = "hidden", "without an ending", "broken links or pipes"


def skipped_kinds(folder: Path) -> Counter[str]:
    """Returns how many entries there and below are no photos, by their ending, or by why there is nothing to open."""
    kinds: Counter[str] = Counter()
    for above, _, names in os.walk(folder):
        for name in names:
            suffix = Path(name).suffix.lower()
            if name.startswith("."):
                kinds[HIDDEN] += 1
            elif suffix not in PHOTO_SUFFIXES:
                kinds[suffix or WITHOUT_ENDING] += 1
            elif not Path(above, name).is_file():
                kinds[NO_FILE] += 1
    return kinds


def skipped_text(folders: Sequence[Path]) -> str:
    """Returns a line for each folder in which something is skipped."""
    lines = []
    for folder in folders:
        kinds = skipped_kinds(folder)
        if kinds:
            told = ", ".join(f"{count} {printable(kind)}" for kind, count in kinds.most_common())
            lines.append(f"{printable(str(folder))}: skipped {kinds.total()}, no photos: {told}")
    return "\n".join(lines)
