"""Where datasets come from: each source's name, what it needs and what it gives."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet.datasets.records import LabelledPhoto, Pending, WindowCrop

MODELS = Path(__file__).resolve().parents[2] / "deploy" / "models"
DEFAULT_COUNT = 1000
DRAWN_SOURCES = ("wheels", "synthetic", "transplanted", "no_meter")


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        paths: files and folders of the source.
        count: records to make, where the source makes them.
        seed: of what is drawn.
        groups: a CSV file with the columns image and group, None without one.
        models: folder of the exported models that find the digits of known readings; None for deploy/models.
    """

    paths: tuple[Path, ...]
    count: int | None = None
    seed: int = 0
    groups: Path | None = None
    models: Path | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """A source of labelled photos.

    Attributes:
        usage: its paths, as the help shows them.
        stages: what it can give.
        path_counts: the numbers of paths it takes.
        read: gives its records for a stage.
    """

    usage: str
    stages: tuple[int, ...]
    path_counts: tuple[int, ...]
    read: Callable[[Request, int], Sequence[LabelledPhoto | WindowCrop | Pending]]


def read_source(name: str, request: Request, stage: int) -> Sequence[LabelledPhoto | WindowCrop | Pending]:
    """Returns the source's records for a stage.

    Raises:
        UserError: the source does not give this stage, takes other paths, or what it reads is wrong.
    """
    source = SOURCES[name]
    if stage not in source.stages:
        raise UserError(f"{name} gives no dataset of stage {stage}; give --stage {source.stages[0]}")
    if len(request.paths) not in source.path_counts:
        raise UserError(f"{name} got {len(request.paths)} paths; expected: {source.usage}")
    return source.read(request, stage)


def _mbarira(request: Request, stage: int):
    from retinanet.datasets.importers import mbarira

    return mbarira.read(request.paths[0])


def _photos(request: Request, stage: int):
    from retinanet.datasets import photo_table

    photos = photo_table.with_corners(photo_table.read(request.paths[0]))
    if stage == 1:
        return photos
    from deploy.recognition.runtime import load_models
    from retinanet.datasets import table_windows

    return table_windows.with_boxes(photos, load_models(request.models or MODELS))


def _chongqing(request: Request, stage: int):
    from retinanet.datasets.importers import chongqing

    return chongqing.read(request.paths[0])


def _beregun_itelma(request: Request, stage: int):
    from retinanet.datasets.importers import beregun_itelma

    return beregun_itelma.read(request.paths[0])


def _label_studio(request: Request, stage: int):
    from retinanet.datasets.label_studio import crops, photos

    if len(request.paths) == 4:
        return photos.read_photos_with_boxes(*request.paths, groups=request.groups)
    read = photos.read_photos if stage == 1 else crops.read_crops
    return read(*request.paths, groups=request.groups)


def _wheels(request: Request, stage: int):
    from retinanet.datasets.synthetic import wheels

    return wheels.wheel_windows(request.paths[0], request.count or DEFAULT_COUNT, request.seed)


def _synthetic(request: Request, stage: int):
    if stage == 1:
        from retinanet.datasets.synthetic import photos

        return photos.photos(request.count or DEFAULT_COUNT, request.seed)
    from retinanet.datasets.synthetic import crops

    return crops.window_crops(request.count or DEFAULT_COUNT, request.seed)


def _transplanted(request: Request, stage: int):
    from retinanet.datasets.importers import chongqing, mbarira
    from retinanet.datasets.synthetic import photos

    importers = {"mbarira": mbarira, "chongqing": chongqing}
    records = [record for path in request.paths for record in importers[_layout_of(path)].read(path)]
    return photos.transplanted(records, request.count or DEFAULT_COUNT, request.seed)


def _no_meter(request: Request, stage: int):
    from retinanet.datasets.synthetic import no_meter

    return no_meter.photos(request.count or DEFAULT_COUNT, request.seed)


def _layout_of(path: Path) -> str:
    """Returns which importer's layout a folder has; sets for testing only are not among them."""
    label_files = sorted(path.glob("labels/*.txt"))
    first_lines = (file.read_text().split("\n")[0].split() for file in label_files)
    fields = next((fields for fields in first_lines if fields), [])
    try:
        values = [float(field) for field in fields[:8]]
    except ValueError:
        values = []
    if len(values) < 8:
        raise UserError(f"{path}: expected labels/*.txt as mbarira or chongqing have them")
    # One gives shares of the photo's sides, the other pixels.
    return "mbarira" if len(fields) == 9 and max(values[1:]) < 2 else "chongqing"


SOURCES = {
    "mbarira": Source("mbarira FOLDER (images/, labels/)", (1, 2), (1,), _mbarira),
    "chongqing": Source("chongqing FOLDER (images/, labels/)", (1, 2), (1,), _chongqing),
    "photos": Source("photos FOLDER (images/, labels.csv)", (1, 2), (1,), _photos),
    "beregun_itelma": Source(
        "beregun_itelma FOLDER (images/, labels/), for testing only", (1, 2), (1,), _beregun_itelma
    ),
    "label_studio": Source(
        "label_studio PHOTOS EXPORT.json (stage 1), CROPS EXPORT.json (stage 2) or all four",
        (1, 2),
        (2, 4),
        _label_studio,
    ),
    "wheels": Source("wheels FOLDER (wheels.zip, labels.csv)", (2,), (1,), _wheels),
    "synthetic": Source("synthetic (no paths)", (1, 2), (0,), _synthetic),
    "transplanted": Source("transplanted FOLDER... of mbarira or chongqing", (1, 2), (1, 2), _transplanted),
    "no_meter": Source("no_meter (no paths): drawn things that are no meters", (1,), (0,), _no_meter),
}
