"""Finds and reads TensorFlow Datasets of both stages, our own and those that users have."""

import json
from collections.abc import Sequence
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet.datasets.schema import SCHEMAS

INFO_FILE = "dataset_info.json"
SPLIT_NAMES = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
FEATURES = ("image", "image/filename", "image/id", "objects")
OBJECT_FEATURES = ("area", "bbox", "id", "is_crowd", "label")


def find_dataset(path: Path, stage: int) -> Path:
    """Returns the folder of the dataset's version, the one that holds `dataset_info.json`.

    Args:
        path: the data_dir, the dataset's folder, a config's folder or the version's folder. Of several versions the
            newest counts, of several configs of one version the one written last. Where no dataset has our name, one
            of another name counts whose features fit.
        stage: 1 or 2.

    Raises:
        UserError: there is no such path, or no dataset of this stage in it, or several of other names.
    """
    path, name = Path(path), SCHEMAS[stage].dataset_name
    if not path.exists():
        raise UserError(f"{path}: no such folder; expected a dataset {name} or the folder that holds it")
    found = {file: _name_in(file) for file in _info_files(path)}
    fitting = [file for file, found_name in found.items() if found_name == name]
    if fitting:
        return max(fitting, key=_age_key).parent
    problems, fitting_names = {}, {}
    for found_name in sorted(set(found.values())):
        version = max((file for file in found if found[file] == found_name), key=_age_key).parent
        if _is_ours(found_name):
            problems[found_name] = f"it is for stage {3 - stage}"
            continue
        unfit = _problems(_read_builder(version).info.features, stage)
        if unfit:
            problems[found_name] = "; ".join(unfit)
        else:
            fitting_names[found_name] = version
    if len(fitting_names) > 1:
        raise UserError(f"{path}: holds {', '.join(fitting_names)}, which all fit; give the folder of one of them")
    if fitting_names:
        return next(iter(fitting_names.values()))
    if problems:
        told = "; ".join(f"{found_name}: {problem}" for found_name, problem in problems.items())
        raise UserError(f"{path}: holds {', '.join(problems)}; stage {stage} needs {name} or one that fits ({told})")
    raise UserError(f"{path}: holds no dataset {name}; expected {name}/<version>/{INFO_FILE} in it")


def _is_ours(name: str) -> bool:
    return any(name == schema.dataset_name for schema in SCHEMAS.values())


def _info_files(path: Path) -> list[Path]:
    """Returns the descriptions of all versions at or below a path: of a data_dir, a dataset, a config or a version."""
    if not path.is_dir():
        return []
    levels = (INFO_FILE, f"*/{INFO_FILE}", f"*/*/{INFO_FILE}")
    files = [file for level in levels for file in path.glob(level)]
    # dataset/config/version in a data_dir; a folder of several data_dirs is none
    files += [file for file in path.glob(f"*/*/*/{INFO_FILE}") if file.parents[2].name == _name_in(file)]
    return [file for file in files if not _is_hidden(file.relative_to(path))]


def load_split(paths: Sequence[Path], stage: int, split: str, decode_images: bool = True):
    """Returns (tf.data.Dataset of the features as they are stored, examples in it) of one split of all the datasets.

    The datasets follow each other in the order of their paths, the examples in the order they were written. Those
    without this split are passed over.

    Args:
        paths: what `find_dataset` takes.
        stage: 1 or 2.
        split: `train`, `validation` (or `val`) or `test`.
        decode_images: if not, `image` is the encoded file, a string.

    Raises:
        UserError: a path holds no dataset of this stage or one without the expected features, or the split is empty
            in all of them.
    """
    import tensorflow_datasets as tfds

    names = next((names for names in SPLIT_NAMES.values() if split in names), None)
    if names is None:
        raise UserError(f"no split is called {split!r}: expected train, validation (or val) or test")
    if not paths:
        raise UserError(f"no dataset given: expected at least one path of {SCHEMAS[stage].dataset_name}")
    decoders = None if decode_images else {"image": tfds.decode.SkipDecoding()}
    # Small datasets would be kept in memory, whole photos among them.
    reading = tfds.ReadConfig(try_autocache=False)
    loaded, count = None, 0
    for path in paths:
        builder = _builder(find_dataset(path, stage), stage)
        present = [name for name in names if name in builder.info.splits and builder.info.splits[name].num_examples]
        for name in present[:1]:
            examples = builder.as_dataset(split=name, decoders=decoders, read_config=reading).map(_expected_features)
            loaded = examples if loaded is None else loaded.concatenate(examples)
            count += builder.info.splits[name].num_examples
    if not count:
        raise UserError(f"{', '.join(map(str, paths))}: the split {split} is empty; {_help_for(split)}")
    return loaded, count


def _help_for(split: str) -> str:
    """Returns what gives a dataset a split that it lacks."""
    remedy = (
        "make_dataset.py label_studio gives each split a photo where there are three or more, or as --splits FILE.csv "
        "says; a folder with a table has the column split"
    )
    if split in SPLIT_NAMES["validation"]:
        return f"{remedy}; or give a dataset that has one as --validation_path"
    return f"{remedy}; or make the dataset of more photos"


def _builder(version: Path, stage: int):
    """Returns the dataset's builder, its features checked."""
    builder = _read_builder(version)
    problems = _problems(builder.info.features, stage)
    if problems:
        raise UserError(f"{version}: unfit for stage {stage}: {'; '.join(problems)}")
    return builder


def _read_builder(version: Path):
    import tensorflow_datasets as tfds

    if not (version / "features.json").is_file():
        raise UserError(f"{version}: features.json is missing; copy the whole folder of the dataset")
    try:
        return tfds.builder_from_directory(version)
    except (ValueError, KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise UserError(f"{version}: cannot be read as a dataset ({error}); make it again") from error


def _problems(features, stage: int) -> list[str]:
    """Returns what the features lack or have of another shape, each in a few words."""
    missing = [name for name in FEATURES if name not in features]
    objects = features["objects"] if "objects" in features else {}
    inner = getattr(objects, "feature", objects)
    missing += [f"objects/{name}" for name in OBJECT_FEATURES if "objects" in features and name not in inner]
    if missing:
        return [f"the features {', '.join(missing)} are missing"]
    problems = []
    if features["image"].shape[-1:] != (3,):
        problems.append(f"image has shape {features['image'].shape}, expected 3 channels")
    length = SCHEMAS[stage].box_length
    if inner["bbox"].shape != (length,):
        problems.append(f"objects/bbox has shape {inner['bbox'].shape}, expected ({length},)")
    expected = list(SCHEMAS[stage].class_names)
    names = [name.lower() for name in getattr(inner["label"], "names", None) or []]
    numbers_only = [str(number) for number in range(len(expected))]
    if names not in (expected, numbers_only):
        problems.append(f"objects/label has the classes {', '.join(names) or 'none'}, expected {', '.join(expected)}")
    return problems


def _expected_features(example: dict) -> dict:
    """Returns the features that every dataset has, so that several can follow each other."""
    chosen = {name: example[name] for name in FEATURES}
    chosen["objects"] = {name: example["objects"][name] for name in OBJECT_FEATURES}
    return chosen


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _name_in(info_file: Path) -> str:
    try:
        return str(json.loads(info_file.read_text())["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{info_file}: not the description of a dataset ({error}); make the dataset again") from error


def _age_key(info_file: Path) -> tuple[tuple[int, ...], float]:
    """Returns what sorts versions from the oldest to the newest."""
    numbers = info_file.parent.name.split(".")
    version = tuple(int(number) for number in numbers) if all(number.isdecimal() for number in numbers) else ()
    return version, info_file.stat().st_mtime
