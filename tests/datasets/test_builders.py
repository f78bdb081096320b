import dataclasses
import resource
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy.recognition.classes import STAGE1_CLASSES, STAGE2_CLASSES
from deploy.recognition.errors import UserError
from retinanet.datasets import builders, loading, stored_examples
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow, Pending, WindowCrop
from retinanet.datasets.schema import SCHEMAS
from retinanet.files import lock_folder

ROOT = Path(__file__).resolve().parents[2]


class Stripes:
    """A picture whose left half is red and right half blue, made when it is needed."""

    def __init__(self, width, height):
        self.size = width, height

    def __call__(self):
        picture = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        picture[:, : self.size[0] // 2] = (250, 0, 0)
        picture[:, self.size[0] // 2 :] = (0, 0, 250)
        return picture


def rectangle(left, top, right, bottom):
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def photo(name="a.jpg", split="train", label="analog", boxes=True):
    wheel = LabelledBox(rectangle(110, 60, 130, 90), "7")
    window = LabelledWindow(rectangle(100, 50, 300, 100), label, (wheel,) if boxes else ())
    return LabelledPhoto(name, Stripes(400, 200), split, name, (window,))


def crop(name="c.png", split="train"):
    boxes = np.array([[0.1, 0.2, 0.3, 0.8], [0.6, 0.2, 0.9, 0.8], [1, 0.2, 1, 0.8]], np.float32)
    return WindowCrop(name, Stripes(300, 100), split, name, boxes, ("7", "floatp", "3"))


def read(folder, split="train"):
    """The examples as people read them who have none of our code."""
    import tensorflow_datasets as tfds

    return list(tfds.builder_from_directory(folder).as_dataset(split=split).as_numpy_iterator())


def test_stage1_example_has_box_then_corners_as_shares_y_before_x():
    example = stored_examples.stage1_example(photo())
    # x 100..300 of 400 stays; y 50..100 of 200 lies in a square of 400 with 100 above.
    expected = [0.375, 0.25, 0.5, 0.75, 0.375, 0.25, 0.375, 0.75, 0.5, 0.75, 0.5, 0.25]
    np.testing.assert_allclose(example.boxes, [expected], atol=1e-6)
    assert example.labels == ("analog",)
    assert example.areas == (128 * 512,)


def test_stage1_box_ends_at_the_pictures_edge_where_the_corners_go_on():
    window = LabelledWindow(rectangle(-40, 50, 300, 100), "analog")
    example = stored_examples.stage1_example(LabelledPhoto("a.jpg", Stripes(400, 200), "train", "a", (window,)))
    np.testing.assert_allclose(example.boxes[0][:6], [0.375, 0, 0.5, 0.75, 0.375, -0.1], atol=1e-6)


def test_stage2_example_is_stretched_and_drops_boxes_clipped_to_nothing():
    example = stored_examples.stage2_example(crop())
    np.testing.assert_allclose(example.boxes, [[0.2, 0.1, 0.8, 0.3], [0.2, 0.6, 0.8, 0.9]])
    assert example.labels == ("7", "floatp")
    assert example.areas == (round(0.2 * 0.6 * 256**2), round(0.3 * 0.6 * 256**2))
    picture = cv2.imdecode(np.frombuffer(example.image, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (256, 256, 3)


def test_stage1_dataset_is_read_without_our_code(tmp_path):
    records = [
        photo("a.jpg"),
        photo("b.jpg", "test", "digital_illegible"),
        photo("c.jpg"),
        photo("n.jpg", "validation"),
    ]
    records[3] = LabelledPhoto("n.jpg", Stripes(64, 64), "validation", "n", ())
    folder, counts = builders.build(records, 1, tmp_path, workers=1)
    assert folder == tmp_path / "meter_values_dataset_stage1" / "1.0.0"
    assert counts == {"train": 2, "validation": 1, "test": 1}
    (example,) = read(folder, "test")
    assert example["image"].shape == (1024, 1024, 3) and example["image"].dtype == np.uint8
    # The middle of the left and of the right half, through JPEG.
    assert np.abs(example["image"][512, [256, 768]].astype(int) - [[250, 0, 0], [0, 0, 250]]).max() < 8
    assert example["image/filename"] == b"b.jpg"
    objects = example["objects"]
    assert objects["label"].tolist() == [STAGE1_CLASSES.index("digital_illegible")]
    assert objects["bbox"].dtype == np.float32 and objects["bbox"].shape == (1, 12)
    np.testing.assert_allclose(objects["bbox"][0, :4], [0.375, 0.25, 0.5, 0.75])
    assert objects["area"].tolist() == [128 * 512] and objects["area"].dtype == np.int64
    assert objects["is_crowd"].tolist() == [False]
    (empty,) = read(folder, "validation")
    assert empty["objects"]["bbox"].shape == (0, 12)
    everything = [example for split in counts for example in read(folder, split)]
    assert sorted(example["image/id"] for example in everything) == [0, 1, 2, 3]
    assert sorted(number for example in everything for number in example["objects"]["id"]) == [0, 1, 2]


def test_stage2_dataset_has_the_features_that_users_have(tmp_path):
    import tensorflow_datasets as tfds

    folder, counts = builders.build([crop(), photo(), photo(boxes=False)], 2, tmp_path, variants=3, workers=1)
    assert counts == {"train": 4}
    features = tfds.builder_from_directory(folder).info.features
    assert features["image"].shape == (256, 256, 3)
    assert sorted(features) == ["image", "image/filename", "image/id", "objects"]
    assert sorted(features["objects"].feature) == ["area", "bbox", "id", "is_crowd", "label"]
    assert isinstance(features["objects"].feature["bbox"], tfds.features.BBoxFeature)
    assert tuple(features["objects"].feature["label"].names) == STAGE2_CLASSES
    (example,) = [example for example in read(folder) if example["image/filename"] == b"c.png"]
    np.testing.assert_allclose(example["objects"]["bbox"], [[0.2, 0.1, 0.8, 0.3], [0.2, 0.6, 0.8, 0.9]])
    assert example["objects"]["label"].tolist() == [7, 14]
    np.testing.assert_array_equal(example["image"][128, [10, 245]], [[250, 0, 0], [0, 0, 250]])


def make_crop(index):
    return crop(f"{index}.png", "test" if index == 3 else "train")


def test_workers_change_nothing_and_records_may_be_pending(tmp_path):
    import functools

    records = [Pending("train", functools.partial(make_crop, index)) for index in range(6)]
    alone, _ = builders.build(records, 2, tmp_path / "1", seed=5, workers=1)
    together, counts = builders.build(records, 2, tmp_path / "2", seed=5, workers=2)
    assert counts == {"train": 5, "test": 1}
    for file in alone.iterdir():
        assert file.read_bytes() == (together / file.name).read_bytes(), file.name


def broken():
    raise UserError("x.jpg: damaged")


def test_failed_build_leaves_nothing(tmp_path):
    records = [photo(), LabelledPhoto("x.jpg", broken, "train", "x", ())]
    with pytest.raises(UserError, match="x.jpg: damaged"):
        builders.build(records, 1, tmp_path / "new" / "folder", workers=1)
    assert list(tmp_path.iterdir()) == []


def test_output_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("kept")
    for output in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(UserError, match="file.*cannot be written"):
            builders.build([crop()], 2, output, workers=1)
    assert (tmp_path / "file").read_text() == "kept"


def test_existing_dataset_stays_unless_overwritten(tmp_path):
    folder, _ = builders.build([crop("old.png")], 2, tmp_path, workers=1)
    with pytest.raises(UserError, match="--overwrite"):
        builders.build([crop("new.png")], 2, tmp_path, workers=1)
    with pytest.raises(UserError, match="damaged"):
        failing = [LabelledPhoto("x.jpg", broken, "train", "x", photo().windows)]
        builders.build(failing, 2, tmp_path, workers=1, overwrite=True)
    assert read(folder)[0]["image/filename"] == b"old.png"
    builders.build([crop("new.png")], 2, tmp_path, workers=1, overwrite=True)
    assert read(folder)[0]["image/filename"] == b"new.png"
    assert [entry.name for entry in folder.parent.iterdir()] == ["1.0.0"]


def test_nothing_for_the_stage_is_an_error(tmp_path):
    for stage, record in ((1, crop()), (2, photo(boxes=False)), (2, photo(label="analog_illegible"))):
        with pytest.raises(UserError, match=f"no record gives an example for stage {stage}"):
            builders.build([record], stage, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """Two data_dirs with crops; the second has no validation split."""
    root = tmp_path_factory.mktemp("datasets")
    builders.build([crop("a.png"), crop("b.png", "validation")], 2, root / "first", workers=1)
    builders.build([crop("c.png"), crop("d.png")], 2, root / "second", workers=1)
    return root


def test_dataset_is_found_from_any_of_its_folders(datasets):
    version = datasets / "first" / "meter_values_dataset_stage2" / "1.0.0"
    for path in (version, version.parent, version.parent.parent):
        assert loading.find_dataset(path, 2) == version


def test_newest_version_is_found_with_configs_too(tmp_path):
    dataset = tmp_path / "meter_values_dataset_stage1"
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        folder = dataset / "some_config" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text('{"name": "meter_values_dataset_stage1"}')
    half = dataset / "some_config" / ".incomplete-2.0.0"
    half.mkdir()
    (half / "dataset_info.json").write_text('{"name": "meter_values_dataset_stage1"}')
    for path in (tmp_path, dataset, dataset / "some_config"):
        assert loading.find_dataset(path, 1).name == "1.10.0"


def test_wrong_paths_name_what_is_there(datasets, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        loading.find_dataset(tmp_path / "none", 1)
    with pytest.raises(UserError, match="holds no dataset meter_values_dataset_stage1"):
        loading.find_dataset(tmp_path, 1)
    # several data_dirs: none of them is taken in silence
    with pytest.raises(UserError, match="holds no dataset meter_values_dataset_stage2"):
        loading.find_dataset(datasets, 2)
    for part in ("", "meter_values_dataset_stage2", "meter_values_dataset_stage2/1.0.0"):
        with pytest.raises(UserError, match="holds meter_values_dataset_stage2; stage 1 needs"):
            loading.find_dataset(datasets / "first" / part, 1)
    (tmp_path / "dataset_info.json").write_text("{")
    with pytest.raises(UserError, match="not the description of a dataset"):
        loading.find_dataset(tmp_path, 1)


def test_load_split_reads_several_datasets_one_after_the_other(datasets):
    paths = [datasets / "first", datasets / "second"]
    loaded, count = loading.load_split(paths, 2, "train")
    read_back = list(loaded.as_numpy_iterator())
    assert count == len(read_back) == 3
    names = [example["image/filename"] for example in read_back]
    assert names[0] == b"a.png" and sorted(names[1:]) == [b"c.png", b"d.png"]
    assert read_back[0]["image"].shape == (256, 256, 3)
    assert read_back[0]["objects"]["bbox"].shape == (2, 4)
    encoded, _ = loading.load_split(paths, 2, "train", decode_images=False)
    assert next(iter(encoded))["image"].numpy().startswith(b"\x89PNG")


def test_both_names_of_the_validation_split_are_taken(datasets):
    for name in ("val", "validation"):
        assert loading.load_split([datasets / "first", datasets / "second"], 2, name)[1] == 1
    with pytest.raises(UserError, match="split validation is empty"):
        loading.load_split([datasets / "second"], 2, "validation")
    with pytest.raises(UserError, match="no split is called 'training'"):
        loading.load_split([datasets / "first"], 2, "training")


def test_users_split_called_val_is_read(tmp_path):
    (example,) = stored_examples.examples_of(crop(split="val"), 2, 1, 0)
    folder = tmp_path / SCHEMAS[2].dataset_name / "3.0.0"
    folder.mkdir(parents=True)
    # Only the split's name differs from ours.
    builders.write([[example]], 2, folder)
    for name in ("val", "validation"):
        assert loading.load_split([tmp_path], 2, name)[1] == 1


def write_foreign(folder, features):
    import tensorflow_datasets as tfds

    folder.mkdir(parents=True)
    identity = tfds.core.dataset_builder.dataset_info.DatasetIdentity(
        name=SCHEMAS[2].dataset_name, version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
    info.set_splits(tfds.core.splits.SplitDict([]))
    info.write_to_directory(folder)


def test_unfit_features_are_named(tmp_path):
    import tensorflow_datasets as tfds

    image = tfds.features.Image(shape=(256, 256, 3))
    write_foreign(tmp_path / "a", {"image": image, "label": np.int64})
    with pytest.raises(UserError, match="image/filename, image/id, objects are missing"):
        loading.load_split([tmp_path / "a"], 2, "train")
    objects = {"area": np.int64, "bbox": tfds.features.Tensor(shape=(12,), dtype=np.float32), "id": np.int64}
    objects |= {"is_crowd": np.bool_, "label": tfds.features.ClassLabel(names=["cat", "dog"])}
    others = {"image/filename": tfds.features.Text(), "image/id": np.int64, "objects": tfds.features.Sequence(objects)}
    write_foreign(tmp_path / "b", {"image": image, **others})
    with pytest.raises(UserError, match=r"bbox has shape \(12,\), expected \(4,\).*classes cat, dog, expected 0, 1"):
        loading.load_split([tmp_path / "b"], 2, "train")
    (tmp_path / "b" / "features.json").unlink()
    with pytest.raises(UserError, match="features.json is missing"):
        loading.load_split([tmp_path / "b"], 2, "train")


def renamed(tmp_path, monkeypatch, name, stage=2):
    """A dataset of the stage under a name of the user's own."""
    (example,) = stored_examples.examples_of(crop() if stage == 2 else photo(), stage, 1, 0)
    folder = tmp_path / name / "1.0.0"
    folder.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setitem(SCHEMAS, stage, dataclasses.replace(SCHEMAS[stage], dataset_name=name))
        builders.write([[example]], stage, folder)
    return folder


def test_a_dataset_of_another_name_counts_by_its_features(tmp_path, monkeypatch):
    folder = renamed(tmp_path, monkeypatch, "my_meters")
    for path in (folder, folder.parent, tmp_path):
        assert loading.find_dataset(path, 2) == folder
        assert loading.load_split([path], 2, "train")[1] == 1
        with pytest.raises(UserError, match=r"holds my_meters; stage 1 needs .*bbox has shape \(4,\), expected \(12,"):
            loading.find_dataset(path, 1)
    # one of each stage in a folder: each is found by what it holds
    windows = renamed(tmp_path, monkeypatch, "windows", stage=1)
    assert loading.find_dataset(tmp_path, 1) == windows and loading.find_dataset(tmp_path, 2) == folder
    renamed(tmp_path, monkeypatch, "others")
    with pytest.raises(UserError, match="holds my_meters, others, which all fit; give the folder of one"):
        loading.find_dataset(tmp_path, 2)
    # one of our name comes first
    own, _ = builders.build([crop()], 2, tmp_path, workers=1)
    assert loading.find_dataset(tmp_path, 2) == own


def test_an_empty_split_names_what_helps(datasets):
    with pytest.raises(UserError, match="the split test is empty; .*--splits FILE.csv"):
        loading.load_split([datasets / "first"], 2, "test")


def test_a_full_disk_is_one_line_and_leaves_the_old_dataset(tmp_path):
    folder, _ = builders.build([crop("old.png")], 2, tmp_path, workers=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    large = [dataclasses.replace(crop(f"{number}.png"), load=lambda: noise) for number in range(20)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match="meter_values_dataset_stage2: cannot be written"):
            builders.build(large, 2, tmp_path, workers=1, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read(folder)[0]["image/filename"] == b"old.png"
    assert [entry.name for entry in folder.parent.iterdir()] == ["1.0.0"]


def test_two_builds_of_one_dataset_do_not_meet(tmp_path):
    folder, _ = builders.build([crop()], 2, tmp_path, workers=1)
    with lock_folder(folder.parent), pytest.raises(UserError, match="another process is writing there"):
        builders.build([crop()], 2, tmp_path, workers=1, overwrite=True)
    assert read(folder)[0]["image/filename"] == b"c.png"


BUILDS = """
import sys
from pathlib import Path
from retinanet.datasets import builders
from tests.datasets.test_builders import crop
for number in range(1000):
    builders.build([crop(f"{number}.png")] * 3, 2, Path(sys.argv[1]), workers=1, overwrite=True)
    if not number:
        print("writing", flush=True)
"""


@pytest.mark.parametrize("milliseconds", [31, 350])
def test_a_killed_build_leaves_the_old_dataset_or_the_new_one(tmp_path, milliseconds):
    command = [sys.executable, "-c", BUILDS, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline() == "writing\n"
    time.sleep(milliseconds / 1000)
    process.kill()
    process.wait()
    process.stdout.close()
    folder = loading.find_dataset(tmp_path, 2)
    names = {example["image/filename"] for example in read(folder)}
    assert len(read(folder)) >= 3 and len(names) == 1
    builders.build([crop("after.png")], 2, tmp_path, workers=1, overwrite=True)
    assert [entry.name for entry in folder.parent.iterdir()] == ["1.0.0"]
    assert read(folder)[0]["image/filename"] == b"after.png"


def test_odd_names_are_stored_as_they_are(tmp_path):
    folder, _ = builders.build([crop("\udcff\n.png")], 2, tmp_path, workers=1)
    assert read(folder)[0]["image/filename"] == b"\xff\n.png"


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_workers_of_a_killed_build_end_with_it(tmp_path):
    command = [sys.executable, ROOT / "make_dataset.py", "synthetic", "--stage", "2", "--count", "3000"]
    command += ["--workers", "2", "--output", tmp_path]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    # its bar moves once the workers work
    while not process.stderr.read(40).strip().startswith("stage 2:   0%"):
        pass
    process.stderr.read(400)
    workers = [pid for pid in children(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(workers) == 2
    process.kill()
    process.wait()
    process.stderr.close()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not [entry for entry in tmp_path.rglob("*") if entry.name == "1.0.0"]
