from retinanet.text_tables import aligned, aligned_row, markdown

ROWS = [["", "a", "bb"], ["total", "1.0", "20"]]


def test_words_left_and_numbers_right():
    assert aligned(ROWS) == "         a  bb\ntotal  1.0  20"
    assert aligned_row(["a", "b", "7"], [2, 3, 2], words=2) == "a   b     7"


def test_markdown():
    assert markdown(ROWS) == "|  | a | bb |\n|---|---:|---:|\n| total | 1.0 | 20 |\n"
