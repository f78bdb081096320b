import pytest

from deploy.recognition.errors import UserError
from retinanet.datasets.splits import SPLIT_NAMES, read_table, split_by_hash, splits_of


@pytest.mark.parametrize("count", range(3, 40))
def test_no_split_is_empty_from_three_groups_on(count):
    groups = [f"meter {number}.{count}" for number in range(count)]
    splits = splits_of(groups)
    assert set(splits.values()) == set(SPLIT_NAMES) and list(splits) == groups
    assert splits == splits_of(reversed(groups))
    # those that need not move stay where their hash puts them
    assert sum(splits[group] != split_by_hash(group) for group in groups) <= 2
    if count > 3:
        assert max(SPLIT_NAMES, key=list(splits.values()).count) == "train"


def test_fewer_groups_and_full_splits_are_as_their_hash_says():
    for groups in ([], ["a"], ["a", "b"], [str(number) for number in range(100)]):
        assert splits_of(groups) == {group: split_by_hash(group) for group in groups}


def test_only_those_that_count_fill_the_splits():
    groups = [f"meter {number}" for number in range(50)]
    counting = [group for group in groups if split_by_hash(group) == "train"][:4]
    splits = splits_of(groups, counting)
    assert {splits[group] for group in counting} == set(SPLIT_NAMES)
    assert all(splits[group] == split_by_hash(group) for group in groups if group not in counting)


def test_a_table_that_cannot_be_opened(tmp_path):
    with pytest.raises(UserError, match="/t.csv: no such file; expected a table with the columns image, split$"):
        read_table(tmp_path / "t.csv", ("image", "split"))
    with pytest.raises(UserError, match=f"{tmp_path}: cannot be read: Is a directory$"):
        read_table(tmp_path, ("image", "split"))
