"""What the datasets of both stages hold of a photo or a crop: the stored picture and its labels."""

import dataclasses

import cv2
import numpy as np

from deploy.recognition.geometry import bounding_box, transform_points
from deploy.recognition.window import letterbox
from retinanet.datasets.records import LabelledPhoto, Pending, WindowCrop
from retinanet.datasets.row_parts import part_of
from retinanet.datasets.schema import SCHEMAS, Schema
from retinanet.datasets.window_crops import crops_of

Record = LabelledPhoto | WindowCrop | Pending

JPEG_QUALITY = 92


@dataclasses.dataclass(frozen=True)
class Example:
    """What is stored of one picture, apart from the running numbers.

    Attributes:
        split: `train`, `validation` or `test`.
        filename: the source's file name.
        image: the encoded file of the stored picture.
        boxes: (n, 12) for stage 1, (n, 4) for stage 2, float32, as the dataset stores them.
        labels: n class names.
        areas: n areas of the boxes in pixels of the stored picture.
    """

    split: str
    filename: str
    image: bytes
    boxes: np.ndarray
    labels: tuple[str, ...]
    areas: tuple[int, ...]


def examples_of(record: Record, stage: int, variants: int, seed: int) -> list[Example]:
    """Returns what the dataset of the stage holds of a record: one photo, or the crops of its windows; maybe nothing.

    Some crops for training are followed by a part of their row, see `row_parts`.

    Raises:
        UserError: the photo cannot be read.
    """
    if isinstance(record, Pending):
        record = record.make()
    if stage == 1:
        return [stage1_example(record)] if isinstance(record, LabelledPhoto) else []
    if isinstance(record, WindowCrop):
        return _with_part(record, seed)
    crops = crops_of(record, variants, seed)
    if not crops:
        return []
    photo = record.load()
    loaded = dataclasses.replace(record, load=lambda: photo)
    return [example for crop in crops_of(loaded, variants, seed) if crop.labels for example in _with_part(crop, seed)]


def _with_part(crop: WindowCrop, seed: int) -> list[Example]:
    picture = crop.load()
    crop = dataclasses.replace(crop, load=lambda: picture)
    part = part_of(crop, seed)
    return [stage2_example(crop), *([stage2_example(part)] if part else [])]


def stage1_example(photo: LabelledPhoto) -> Example:
    """Returns the whole photo in a 1024 x 1024 letterbox with its windows."""
    schema = SCHEMAS[1]
    side = schema.image_side
    view = letterbox(photo.load(), side)
    boxes = np.zeros((len(photo.windows), schema.box_length), np.float32)
    for row, window in zip(boxes, photo.windows, strict=True):
        corners = transform_points(window.outline, view.matrix) / side
        row[:4] = np.clip(bounding_box(corners), 0, 1)[[1, 0, 3, 2]]
        row[4:] = corners[:, ::-1].reshape(8)
    labels = tuple(window.label for window in photo.windows)
    return Example(photo.split, photo.name, _encode(view.picture, schema), boxes, labels, _areas(boxes, side))


def stage2_example(crop: WindowCrop) -> Example:
    """Returns the crop stretched to 256 x 256 with its boxes."""
    schema = SCHEMAS[2]
    side = schema.image_side
    image = crop.load()
    shrinks = image.shape[0] >= side and image.shape[1] >= side
    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    boxes = np.asarray(crop.boxes_xyxy, np.float32).reshape(-1, 4)[:, [1, 0, 3, 2]]
    # What lies outside the crop was clipped to nothing.
    kept = [index for index, box in enumerate(boxes) if box[2] > box[0] and box[3] > box[1]]
    boxes, labels = boxes[kept], tuple(crop.labels[index] for index in kept)
    return Example(crop.split, crop.name, _encode(image, schema), boxes, labels, _areas(boxes, side))


def _encode(image: np.ndarray, schema: Schema) -> bytes:
    parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if schema.image_encoding == "jpeg" else []
    return cv2.imencode(f".{schema.image_encoding}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters)[1].tobytes()


def _areas(boxes: np.ndarray, side: int) -> tuple[int, ...]:
    return tuple(round(float((row[2] - row[0]) * (row[3] - row[1])) * side**2) for row in boxes)
