"""Label Studio's ways with file names: how a task's picture is found, and which photo a crop was cut from.

An upload puts eight digits before a name and, as Django does, an underscore for each space, and drops brackets and all
else that is no letter, digit, dot, dash or underscore; of letters that macOS writes in two parts it drops the accent.
Windows writes backslashes into paths.
"""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from deploy.recognition.errors import UserError

# What an upload through the browser puts before the file's name.
UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")
CROP_PREFIX = "cropped_"
# What stands before the ending in the names of the second and further crops of one photo.
WINDOW_NUMBER = re.compile(r"\.window[0-9]+(?=\.[^.]+$)")
LONGEST_SHOWN = 120


def without_upload_prefix(name: str) -> str:
    """Returns the file name without the eight digits that an upload puts before it."""
    return UPLOAD_PREFIX.sub("", name)


def photo_name(crop_name: str) -> str:
    """Returns the file name of the photo from which a crop was cut."""
    cut = without_upload_prefix(crop_name).removeprefix(CROP_PREFIX)
    return without_upload_prefix(WINDOW_NUMBER.sub("", cut))


def composed(name: str) -> str:
    """Returns the name with each accent in one sign with its letter."""
    return unicodedata.normalize("NFC", name)


def uploaded(name: str) -> str:
    """Returns the name as an upload changes it, from a machine that writes accents in one sign with their letters."""
    return _as_django(composed(name))


def plainest(name: str) -> str:
    """Returns what is the same for all names that an upload may make of one."""
    return _as_django(unicodedata.normalize("NFD", name))


def shown(names: Iterable[str]) -> str:
    """Returns names for a message, cut short."""
    return " or ".join(name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}..." for name in names)


def _as_django(name: str) -> str:
    # bytes that are no UTF-8 stay apart from each other
    return re.sub(r"[^-\w.\udc80-\udcff]", "", name.strip().replace(" ", "_"))


_FORMS: tuple[Callable[[str], str], ...] = (str, composed, uploaded, plainest)


class NameIndex:
    """Finds entries by a file's name, however it was changed, and of several the one whose folders fit.

    Args:
        paths: of the entries, with slashes; only their names and the folders right above them count.
        name_of: from a path's last part to the name that is looked for.
    """

    def __init__(self, paths: Sequence[str], name_of: Callable[[str], str] = str):
        self.paths = [PurePosixPath(path) for path in paths]
        self._by_form: list[dict[str, list[int]]] = []
        for form in _FORMS:
            found = defaultdict(list)
            for number, path in enumerate(self.paths):
                found[form(name_of(path.name))].append(number)
            self._by_form.append(found)

    def find(self, names: Sequence[str], folders: Sequence[str]) -> list[int]:
        """Returns the entries that may be meant, the likeliest ones: none, one, or several that nothing tells apart.

        Args:
            names: the file's possible names.
            folders: those that it lies in, the nearest last.
        """
        for form, numbers in zip(_FORMS, self._by_form, strict=True):
            for name in names:
                if candidates := numbers.get(form(name)):
                    return self._nearest(candidates, folders)
        return []

    def _nearest(self, candidates: Sequence[int], folders: Sequence[str]) -> list[int]:
        common = {number: _common_end(self.paths[number].parent.parts, folders) for number in candidates}
        best = [number for number in candidates if common[number] == max(common.values())]
        # what lies in the folder itself comes before what lies below it
        depth = min(len(self.paths[number].parts) for number in best)
        highest = [number for number in best if len(self.paths[number].parts) == depth]
        return highest if depth == 1 else best


class PictureFolder:
    """The pictures of a folder and of those below it, as tasks name them.

    Args:
        folder: of the pictures.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        files = []
        for place, below, names in os.walk(self.folder):
            below[:] = sorted(name for name in below if not name.startswith("."))
            files += [Path(place, name) for name in sorted(names) if not name.startswith(".")]
        self._files = files
        # as tasks are understood, where a name itself has a backslash
        self._index = NameIndex([self.name(file).replace("\\", "/") for file in files])

    def name(self, file: Path) -> str:
        """Returns a picture's path within the folder."""
        return file.relative_to(self.folder).as_posix()

    def find(self, names: Sequence[str], folders: Sequence[str], place: str) -> Path:
        """Returns the file of a picture.

        Args:
            names: that it may have, the likeliest first.
            folders: that it lies in, the nearest last.
            place: for messages.

        Raises:
            UserError: it is not there, or several are that nothing tells apart.
        """
        found = self._index.find(names, folders)
        if not found:
            raise UserError(f"{place}: no file {shown(names)} in {self.folder}")
        if len(found) > 1:
            several = shown(self.name(self._files[number]) for number in found[:3])
            raise UserError(
                f"{place}: {shown(names[:1])} may be {several} in {self.folder}: give the folder of one of them, or "
                "rename them apart"
            )
        return self._files[found[0]]


def _common_end(parts: Sequence[str], others: Sequence[str]) -> int:
    """Returns how many parts are the same, counted from the last one."""
    count = 0
    for one, other in zip(reversed(parts), reversed(others), strict=False):
        if composed(one) != composed(other):
            break
        count += 1
    return count
