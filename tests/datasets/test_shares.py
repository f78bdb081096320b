"""The shares of each batch that several processes and devices take."""

import itertools

import pytest

from retinanet.config import STAGE2
from retinanet.datasets import builders
from retinanet.datasets.input_pipeline import Share, training_batches, validation_batches
from tests.tiny_crops import crop


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage2")
    crops = [crop(number, "train") for number in range(10)] + [crop(number, "validation") for number in range(10, 17)]
    builders.build(crops, 2, folder, workers=1)
    return [folder]


def steps(batches, replicas=1):
    """What each step of one process sees: the sums of its pictures' pixels, which tell them apart."""
    found = [images.numpy().sum(axis=(1, 2, 3)).tolist() for images, _ in batches]
    assert len(found) == int(batches.cardinality())
    parts = [found[start : start + replicas] for start in range(0, len(found), replicas)]
    assert all(len({len(part) for part in step}) == 1 for step in parts)
    return [list(itertools.chain(*step)) for step in parts]


@pytest.mark.parametrize(("workers", "replicas"), [(1, 2), (2, 1), (2, 2)])
def test_all_devices_together_see_what_one_would(paths, workers, replicas):
    shares = [Share(workers, worker, replicas) for worker in range(workers)]
    assert shares[0].parts == workers * replicas

    def together(batches_of):
        whole, count = batches_of(Share())
        found = [batches_of(share) for share in shares]
        own = [steps(batches, replicas) for batches, _ in found]
        return steps(whole), [list(itertools.chain(*step)) for step in zip(*own, strict=True)], count, found[0][1]

    whole, shared, *counts = together(lambda share: training_batches(paths, STAGE2, 4, 5, share))
    assert counts[0] == counts[1] and [len(step) for step in whole] == [4] * (counts[0] // 4)
    assert [sorted(step) for step in shared] == [sorted(step) for step in whole]
    # the last batch is short: each device has as many of it, and what is over is left out
    whole, shared, count, shared_count = together(
        lambda share: validation_batches(paths, STAGE2, 4, "validation", 100, share)
    )
    assert count == 7 and shared_count == 7 - 7 % (workers * replicas)
    kept = list(itertools.chain(*whole))[:shared_count]
    assert [sorted(step) for step in shared] == [sorted(kept[:4])] + ([sorted(kept[4:])] if shared_count > 4 else [])


def test_every_second_validation_example_is_shared(paths):
    whole = steps(validation_batches(paths, STAGE2, 4, "validation", 4)[0])
    own = [steps(validation_batches(paths, STAGE2, 4, "validation", 4, Share(2, worker))[0]) for worker in range(2)]
    assert sorted(own[0][0] + own[1][0]) == sorted(whole[0]) and len(whole[0]) == 4
