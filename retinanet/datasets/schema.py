"""What the dataset of each stage is: its name, its classes, its pictures and the numbers of a label."""

import dataclasses

from deploy.recognition.classes import STAGE1_CLASSES, STAGE2_CLASSES


@dataclasses.dataclass(frozen=True)
class Schema:
    """The dataset of one stage, as it is stored and as training takes it.

    Attributes:
        stage: 1 or 2.
        dataset_name: the name of the TensorFlow Dataset.
        class_names: in the order of the label numbers.
        image_side: pictures are stored as squares of so many pixels.
        image_encoding: `jpeg` or `png`.
        box_length: numbers of a stored label, shares of the picture's height and width: 12 are the box round a window
            and its four corners, 4 a box; y before x.
        shape_name: what the model of the stage calls the shapes of its labels.
        shape: of one of them: corners (4, 2), or xyxy (4,).
        most_objects: labels of one picture in a batch are padded to so many; what is beyond is left out.
        made_from: the records that give examples, in words.
    """

    stage: int
    dataset_name: str
    class_names: tuple[str, ...]
    image_side: int
    image_encoding: str
    box_length: int
    shape_name: str
    shape: tuple[int, ...]
    most_objects: int
    made_from: str


SCHEMAS = {
    1: Schema(
        stage=1,
        dataset_name="meter_values_dataset_stage1",
        class_names=STAGE1_CLASSES,
        image_side=1024,
        image_encoding="jpeg",
        box_length=12,
        shape_name="corners",
        shape=(4, 2),
        most_objects=4,
        made_from="photos",
    ),
    2: Schema(
        stage=2,
        dataset_name="meter_values_dataset_stage2",
        class_names=STAGE2_CLASSES,
        image_side=256,
        image_encoding="png",
        box_length=4,
        shape_name="boxes",
        shape=(4,),
        most_objects=24,
        made_from="window crops or photos with legible windows and their boxes",
    ),
}
