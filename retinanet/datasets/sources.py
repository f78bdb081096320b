"""The sources of labelled photos: each one's name, what it needs, what datasets it gives and how it is measured."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from deploy.recognition.errors import UserError
from retinanet.datasets.records import LabelledPhoto, Pending, ReadingKind, WindowCrop

MODELS_FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "models"
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
        splits: a CSV file with the columns image and split, None without one.
        models: folder of the exported models that find the digits of known readings; None for deploy/models.
    """

    paths: tuple[Path, ...]
    count: int | None = None
    seed: int = 0
    groups: Path | None = None
    splits: Path | None = None
    models: Path | None = None


@dataclasses.dataclass(frozen=True)
class Measure:
    """How recognition is measured on a source's photos.

    Attributes:
        read: gives the photos with their windows and readings.
        readings: what these readings tell.
        min_iou: a window counts as found above this overlap.
        polygons: gives the windows' true outlines by photo name, where corners do not tell the reading's order; None
            where they do.
    """

    read: Callable[[Request], list[LabelledPhoto]]
    readings: ReadingKind = ReadingKind.DIGITS
    min_iou: float = 0.75
    polygons: Callable[[Request], dict[str, np.ndarray]] | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """A source of labelled photos.

    Attributes:
        usage: its paths, as the help shows them.
        path_counts: the numbers of paths it takes.
        stages: the datasets it can give.
        read: gives its records for a stage.
        measure: how recognition is measured on it; None where it is drawn.
    """

    usage: str
    path_counts: tuple[int, ...]
    stages: tuple[int, ...] = ()
    read: Callable[[Request, int], Sequence[LabelledPhoto | WindowCrop | Pending]] | None = None
    measure: Measure | None = None


def read_source(name: str, request: Request, stage: int) -> Sequence[LabelledPhoto | WindowCrop | Pending]:
    """Returns the source's records for a stage.

    Raises:
        UserError: the source does not give this stage, takes other paths, or what it reads is wrong.
    """
    source = SOURCES[name]
    check_paths(name, request)
    if source.read is None or stage not in source.stages:
        instead = f"give --stage {source.stages[0]}" if source.stages else "it is for measuring only"
        raise UserError(f"{name} gives no dataset of stage {stage}; {instead}")
    return source.read(request, stage)


def check_paths(name: str, request: Request) -> None:
    """Raises UserError where the source takes another number of paths."""
    source = SOURCES[name]
    if len(request.paths) not in source.path_counts:
        raise UserError(f"{name} got {len(request.paths)} paths; expected: {source.usage}")


def _mbarira(request: Request):
    from retinanet.datasets.importers import mbarira

    return mbarira.read(request.paths[0])


def _photos(request: Request):
    from retinanet.datasets.importers import photo_table

    return photo_table.read(request.paths[0])


def _photos_for_stage(request: Request, stage: int):
    from retinanet.datasets.importers import photo_table

    photos = photo_table.with_corners(_photos(request))
    if stage == 1:
        return photos
    from deploy.recognition.exported_models import load_models
    from retinanet.datasets.importers import table_windows

    return table_windows.with_boxes(photos, load_models(request.models or MODELS_FOLDER))


def _chongqing(request: Request):
    from retinanet.datasets.importers import chongqing

    return chongqing.read(request.paths[0])


def _beregun_itelma(request: Request):
    from retinanet.datasets.importers import beregun_itelma

    return beregun_itelma.read(request.paths[0])


def _label_studio(request: Request, stage: int):
    from retinanet.datasets.label_studio import crops, photos

    if len(request.paths) == 4:
        return photos.read_photos_with_boxes(*request.paths, groups=request.groups, splits=request.splits)
    folder, export = request.paths
    if stage == 1:
        return photos.read_photos(folder, export, request.groups, request.splits)
    return crops.read_crops(folder, export, request.groups, request.splits)


def _russian_flats(request: Request):
    from retinanet.datasets.importers import russian_flats

    return russian_flats.read(request.paths[0])


def _russian_flats_polygons(request: Request):
    from retinanet.datasets.importers import russian_flats

    return russian_flats.read_polygons(request.paths[0])


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


def _labelled(usage: str, read: Callable[[Request], list[LabelledPhoto]]) -> Source:
    """Returns a source whose photos give both datasets as they are."""
    return Source(usage, (1,), (1, 2), lambda request, stage: read(request), Measure(read))


SOURCES = {
    "photos": Source(
        "photos FOLDER (images/, labels.csv)",
        (1,),
        (1, 2),
        _photos_for_stage,
        Measure(_photos, ReadingKind.WHOLE),
    ),
    "label_studio": Source(
        "label_studio PHOTOS EXPORT.json (stage 1), CROPS EXPORT.json (stage 2) or all four",
        (2, 4),
        (1, 2),
        _label_studio,
        Measure(lambda request: _label_studio(request, 1), ReadingKind.WHOLE),
    ),
    "mbarira": _labelled("mbarira FOLDER (images/, labels/)", _mbarira),
    "chongqing": _labelled("chongqing FOLDER (images/, labels/)", _chongqing),
    "beregun_itelma": _labelled("beregun_itelma FOLDER (images/, labels/), for testing only", _beregun_itelma),
    "russian_flats": Source(
        "russian_flats FOLDER (images/, labels.csv), for testing only",
        (1,),
        measure=Measure(_russian_flats, ReadingKind.NUMBER, 0.6, _russian_flats_polygons),
    ),
    "wheels": Source("wheels FOLDER (wheels.zip, labels.csv)", (1,), (2,), _wheels),
    "synthetic": Source("synthetic (no paths)", (0,), (1, 2), _synthetic),
    "transplanted": Source("transplanted FOLDER... of mbarira or chongqing", (1, 2), (1, 2), _transplanted),
    "no_meter": Source("no_meter (no paths): drawn things that are no meters", (0,), (1,), _no_meter),
}
MEASURED = {name: source.measure for name, source in SOURCES.items() if source.measure}
