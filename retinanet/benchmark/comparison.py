"""The whole comparison: start the contenders, measure them in turn, show what came out."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from deploy.recognition import photo_files
from deploy.recognition.errors import UserError
from retinanet.benchmark import table
from retinanet.benchmark.bars import draw_bars
from retinanet.benchmark.contender import RAPIDOCR
from retinanet.benchmark.folders import name_of
from retinanet.benchmark.measurement import BATCHES, Contender, Measurement, measure
from retinanet.files import write_text
from retinanet.text_tables import aligned
from retinanet.text_tables import markdown as as_markdown


def compare(folders: Sequence[Path], photos: Sequence[Path], count: int, with_rapidocr: bool) -> list[Measurement]:
    """Returns what was measured of the models in each folder, and of RapidOCR at the end.

    Args:
        folders: of models.
        photos: files and folders of them.
        count: of readings by each.
        with_rapidocr: whether it takes part.

    Raises:
        UserError: models cannot be loaded, a photo cannot be read, or two folders hold models of one kind.
    """
    names = [name_of(folder) for folder in folders]
    for name in names:
        if names.count(name) > 1:
            twice = ", ".join(str(folder) for folder, other in zip(folders, names, strict=True) if other == name)
            raise UserError(f"--models {twice}: all of them are {name}; give one folder of each format and precision")
    files = [file.path for file in photo_files.find_photos(photos)][:count]
    entries = [(name, str(folder.resolve())) for name, folder in zip(names, folders, strict=True)]
    if with_rapidocr:
        entries.append(("RapidOCR, all text", RAPIDOCR))
    with contextlib.ExitStack() as opened:
        contenders = []
        for name, models in entries:
            contenders.append(Contender(name, models))
            opened.callback(contenders[-1].close)
        with tqdm(total=count + BATCHES, unit="round", desc="measuring", disable=None) as bar:
            return measure(contenders, files, count, bar.update)


def show(measurements: Sequence[Measurement], markdown: Path | None, picture: Path | None) -> None:
    """Prints the table, and writes it in Markdown and as a picture where a file is given.

    Raises:
        UserError: a file cannot be written.
    """
    cells = table.rows(measurements)
    count = len(measurements[0].readings)
    print(f"median / 95 % of {count} readings, one at a time, everyone in turn")
    print(aligned(cells))
    if markdown:
        write_text(markdown, as_markdown(cells))
    if picture:
        draw_bars(picture, measurements)
