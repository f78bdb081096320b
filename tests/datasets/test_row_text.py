import pytest

from retinanet.datasets.row_text import row_text


@pytest.mark.parametrize(
    ("wheels", "fraction_from", "text"),
    [
        ([], 3, ""),
        ([(2, "7"), (1, "0"), (3, "_")], 9, "07?"),
        ([(1, "0"), (2, "7"), (3, "1"), (4, "floatp")], 3, "07,1?"),
        ([(1, "5"), (2, "6")], 0, "56"),
    ],
)
def test_wheels_in_order_with_the_comma_before_the_fraction(wheels, fraction_from, text):
    assert row_text(wheels, fraction_from) == text
