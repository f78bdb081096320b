import json

from retinanet.evaluation.failure_page import failure_card
from retinanet.foreign_text import cell_text, file_text, json_text, printable


def test_terminals_show_and_do_not_obey():
    assert printable("a\n\x1b[31m\x9b\udcff\u202e\u2028 № й") == "a\\n\\x1b[31m\\u009b\\xff\\u202e\\u2028 № й"
    assert printable("C:\\photos") == "C:\\photos"


def test_files_can_be_told_again():
    assert (file_text("a\\n"), file_text("a\n")) == ("a\\\\n", "a\\n")


def test_json_gives_back_what_it_escapes():
    values = {"file": "\udcff\n\x1b\u202e\x9b № й"}
    for indent in (None, 2):
        text = json_text(values, indent)
        assert json.loads(text) == values and text.encode() and "№ й" in text
        assert printable(text.replace("\n", "")) == text.replace("\n", "")


def test_formulas_are_text():
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "'a"):
        assert cell_text(text) == f"'{text}"
    assert cell_text("\t=1+1") == "\\t=1+1" and cell_text("a=1") == "a=1"


def test_pages_hold_any_name():
    card = failure_card("pictures", ["\udcff'<b>\n.jpg"], "12", "13", ["\udcff <i>\n"])
    assert "src='pictures/%FF%27%3Cb%3E%0A.jpg'" in card and card.encode()
    assert "<b>" not in card and "<i>" not in card and "\n" not in card
