"""The whole comparison: start the contenders, measure them in turn, show what came out."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from deploy.recognition import photo_files
from deploy.recognition.errors import UserError
from retinanet.benchmark import table
from retinanet.benchmark.bars import draw_bars
from retinanet.benchmark.contender import RAPIDOCR, RAPIDOCR_NAME
from retinanet.benchmark.folders import name_of
from retinanet.benchmark.measurement import BATCHES, Contender, Measurement, measure
from retinanet.files import write_text
from retinanet.text_tables import aligned
from retinanet.text_tables import markdown as as_markdown


def compare(
    folders: Sequence[Path], sets: Mapping[str, Sequence[Path]], count: int, with_rapidocr: bool
) -> dict[str, list[Measurement]]:
    """Returns, by set of photos, what was measured of the models in each folder, and of RapidOCR at the end.

    Args:
        folders: of models.
        sets: by name, files and folders of photos.
        count: of readings by each, of each set.
        with_rapidocr: whether it takes part.

    Raises:
        UserError: models cannot be loaded, a photo cannot be read, or two folders hold models of one kind.
    """
    names = [name_of(folder) for folder in folders]
    for name in names:
        if names.count(name) > 1:
            twice = ", ".join(str(folder) for folder, other in zip(folders, names, strict=True) if other == name)
            raise UserError(f"--models {twice}: all of them are {name}; give one folder of each format and precision")
    files = {
        name: spread([file.path for file in photo_files.find_photos(paths)], count) for name, paths in sets.items()
    }
    entries = [(name, str(folder.resolve())) for name, folder in zip(names, folders, strict=True)]
    if with_rapidocr:
        entries.append((RAPIDOCR_NAME, RAPIDOCR))
    with contextlib.ExitStack() as opened:
        contenders = []
        for name, models in entries:
            contenders.append(Contender(name, models))
            opened.callback(contenders[-1].close)
        with tqdm(total=len(sets) * (count + BATCHES), unit="round", desc="measuring", disable=None) as bar:
            return {name: measure(contenders, paths, count, bar.update) for name, paths in files.items()}


def spread(files: Sequence[Path], count: int) -> list[Path]:
    """Returns `count` files from all over a sequence, all of them if it has no more."""
    return [files[index * len(files) // count] for index in range(count)] if len(files) > count else list(files)


def show(sets: Mapping[str, Sequence[Measurement]], markdown: Path | None, picture: Path | None) -> None:
    """Prints a table of each set of photos, and writes them in Markdown, and the last one's picture, where asked for.

    Raises:
        UserError: a file cannot be written.
    """
    texts = []
    for name, measurements in sets.items():
        cells = table.rows(measurements)
        heading = f"{name}: median / 95 % of {len(measurements[0].readings)} readings, one at a time, everyone in turn"
        print(f"{heading}\n{aligned(cells)}")
        texts.append(f"{heading}\n\n{as_markdown(cells)}")
    if markdown:
        write_text(markdown, "\n".join(texts))
    if picture:
        draw_bars(picture, list(sets.values())[-1])
