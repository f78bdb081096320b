"""OpenVINO models in 8-bit integers: weights and activations, with ranges measured on pictures."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deploy.recognition.errors import UserError
from deploy.recognition.manifest import STAGES
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.networks import needed, stderr_unless_it_fails
from deploy.recognition.photo_files import find_photos, read_photo
from retinanet.datasets.synthetic.photos import draw_photo
from retinanet.export.formats import INSTALL

# Drawn where the user names no photos of his own.
DRAWN_PHOTOS = 100
DRAWN_SEED = 77
# Some hundred pictures for each stage, as recognition looks several times; more only take longer.
MOST_PHOTOS = 150
MIN_METERS = 10

_CONVOLUTIONS = ("Convolution", "GroupConvolution")
# as the layers of both models are named
_PARTS_BEHIND = ("feature_pyramid", "classification_head", "box_head")


@dataclasses.dataclass(frozen=True)
class CalibrationPictures:
    """What the models are shown to learn the ranges of their activations.

    Attributes:
        views: uint8 RGB (n, size, size, 3), whatever stage 1 sees of the photos, all its looks.
        windows: uint8 RGB (m, height, width, 3), whatever stage 2 sees of them.
        origin: where they come from, in words.
    """

    views: np.ndarray
    windows: np.ndarray
    origin: str

    def of_stage(self, stage: str) -> np.ndarray:
        """Returns what the stage sees."""
        return self.views if stage == "stage1" else self.windows

    def describe(self) -> dict:
        """Returns what the manifest says of them."""
        digest = hashlib.sha256(self.views.tobytes() + self.windows.tobytes()).hexdigest()
        return {"origin": self.origin, "views": len(self.views), "windows": len(self.windows), "digest": digest}


def calibration_pictures(reader: MeterReader, path: Path | None) -> CalibrationPictures:
    """Returns pictures for calibration: of a user's photos, or of drawn ones.

    Args:
        reader: with the models in float32; it finds the windows.
        path: a photo or a folder of photos, or None: photos are drawn. Never photos that results are measured on.

    Raises:
        UserError: there are no photos, one cannot be read, or meters are found on too few.
    """
    if path is None:
        photos: Iterable[np.ndarray] = (draw_photo(DRAWN_SEED, index).load() for index in range(DRAWN_PHOTOS))
        count, origin = DRAWN_PHOTOS, f"{DRAWN_PHOTOS} drawn photos"
    else:
        files = find_photos([path])
        # spread over the folder: photos of one meter often follow one another
        files = files[:: -(-len(files) // MOST_PHOTOS)]
        photos, count, origin = (read_photo(file.path) for file in files), len(files), f"{len(files)} photos"
    seen: dict[str, list[np.ndarray]] = {stage: [] for stage in STAGES}
    models = reader.models.watched(lambda stage, pictures: seen[stage].extend(pictures))
    watched = MeterReader(models, reader.settings)
    progress = tqdm(photos, desc="photos for calibration", total=count, unit="photo", disable=None)
    found = sum(watched.read(photo).corners is not None for photo in progress)
    if found < MIN_METERS:
        raise UserError(
            f"calibration on {origin}: meters were found on {found} of {count} photos, expected at least "
            f"{MIN_METERS}: give --calibration a folder with more photos of meters, or leave it out to use drawn ones"
        )
    views, windows = (np.stack(seen[stage]) for stage in STAGES)
    return CalibrationPictures(views, windows, origin)


def check_installed() -> None:
    """Does nothing where NNCF is installed.

    Raises:
        UserError: it is not.
    """
    with needed("nncf", INSTALL):
        import nncf  # noqa: F401


def quantize(model, pictures: np.ndarray):
    """Returns an OpenVINO model in 8-bit integers; pyramid, heads and decoding stay as they are.

    Box numbers in 255 steps would move corners by pixels, and rounded in the layers before them, fewer readings are
    those of float32.

    Args:
        model: of OpenVINO, float32, with one input `images`.
        pictures: uint8 RGB (n, height, width, 3).
    """
    import nncf
    from nncf.quantization import advanced_parameters as advanced
    from nncf.quantization import range_estimator as ranges

    # NNCF takes the mean of the pictures' extremes: the heads answer strongly on the few places with a meter, and there
    # they would be cut off. A range for each channel, as NNCF has it before depthwise convolutions, is too narrow
    # wherever a channel has not answered to any of these pictures.
    lowest = ranges.StatisticsCollectorParameters(ranges.StatisticsType.MIN, ranges.AggregatorType.MIN)
    highest = ranges.StatisticsCollectorParameters(ranges.StatisticsType.MAX, ranges.AggregatorType.MAX)
    parameters = advanced.AdvancedQuantizationParameters(
        activations_range_estimator_params=ranges.RangeEstimatorParameters(lowest, highest),
        activations_quantization_params=advanced.QuantizationParameters(per_channel=False),
    )
    dataset = nncf.Dataset([picture[None] for picture in pictures])
    kept = nncf.IgnoredScope(names=sorted({*_after_the_last_convolutions(model), *_behind_the_backbone(model)}))
    with stderr_unless_it_fails():
        nncf.set_log_level(40)
        return nncf.quantize(
            model,
            dataset,
            # ranges that need not lie evenly about zero, and biases corrected layer after layer: closer to float32
            preset=nncf.QuantizationPreset.MIXED,
            fast_bias_correction=False,
            subset_size=len(pictures),
            ignored_scope=kept,
            advanced_parameters=parameters,
        )


def _behind_the_backbone(model) -> Iterator[str]:
    """Yields the names of the convolutions of pyramid and heads."""
    for operation in model.get_ordered_ops():
        name = operation.get_friendly_name()
        if operation.get_type_name() in _CONVOLUTIONS and any(part in name for part in _PARTS_BEHIND):
            yield name


def _after_the_last_convolutions(model) -> Iterator[str]:
    """Yields the names of the operations that no convolution follows: the heads' last ones, and the decoding."""
    precede: dict[str, bool] = {}
    for operation in reversed(model.get_ordered_ops()):
        followers = [target.get_node() for output in operation.outputs() for target in output.get_target_inputs()]
        name = operation.get_friendly_name()
        precede[name] = any(
            follower.get_type_name() in _CONVOLUTIONS or precede[follower.get_friendly_name()] for follower in followers
        )
        if not precede[name] and operation.get_type_name() not in ("Constant", "Parameter", "Result"):
            yield name
