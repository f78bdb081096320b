import numpy as np
import pytest

from deploy.recognition.confidence import (
    FEATURES,
    ConfidenceModel,
    alternative_texts,
    confidence,
    confidence_features,
)
from tests.recognition.test_reading import decode, entry, row


def test_features_of_a_reading():
    entries = [entry("1", 0.9, 0.1), entry("2", 0.6, 0.2, d3=0.2), entry("4", 0.8, 0.3), entry("5", 0.4, 0.5, d6=0.1)]
    features = dict(zip(FEATURES, confidence_features(decode(entries), 0.7), strict=True))
    # shares of 1, 3 to 1, 1 and 4 to 1
    assert features["log_share"] == pytest.approx(np.log(0.75 * 0.8))
    assert features["weakest"] == pytest.approx(np.log(3))
    assert features["last"] == pytest.approx(np.log(4))
    assert features["window"] == pytest.approx(np.log(7 / 3))
    assert features["unevenness"] == pytest.approx(0, abs=1e-6)  # one wider step is no unevenness


def test_uneven_wheels():
    entries = [entry(digit, 0.9, centre) for digit, centre in zip("1234", (0.1, 0.2, 0.34, 0.41), strict=True)]
    features = dict(zip(FEATURES, confidence_features(decode(entries), 0.7), strict=True))
    # steps of 0.1, 0.14 and 0.07: off the median by 0, 0.04 and 0.03
    assert features["unevenness"] == pytest.approx(0.3, abs=1e-5)
    assert features["odd_step"] == pytest.approx(0.4, abs=1e-5)


def test_a_step_however_wide_counts_one_and_a_half():
    entries = [entry(digit, 0.9, centre, 0.03) for digit, centre in zip("1234", (0.05, 0.1, 0.15, 0.9), strict=True)]
    assert dict(zip(FEATURES, confidence_features(decode(entries), 0.7), strict=True))["odd_step"] == 1.5


def test_features_of_the_first_wheels_leave_the_others_digits_out():
    entries = [entry("1", 0.9, 0.1, d7=0.1), entry("2", 0.6, 0.2, d3=0.2), entry("4", 0.5, 0.3, d5=0.5)]
    whole, first = (confidence_features(decode(entries), 0.7, wheels) for wheels in (None, 2))
    assert first[:3] == pytest.approx([np.log(0.9 * 0.75), np.log(3), np.log(3)])
    assert whole[:3] == pytest.approx([np.log(0.9 * 0.75 * 0.5), 0, 0])
    assert (first[3:] == whole[3:]).all()


def test_a_single_digit_has_features():
    assert np.isfinite(confidence_features(decode([entry("7", 1.0, 0.5)]), 1.0)).all()


def test_confidence_is_logistic():
    model = ConfidenceModel(intercept=1.0, weights=(0, 2.0, 0, 0, 0, 0))
    assert confidence(np.array([0, 0.5, 0, 0, 0, 0]), model) == pytest.approx(1 / (1 + np.exp(-2)))
    assert confidence(np.array([0, -1e9, 0, 0, 0, 0]), model) < 1e-12


def test_default_confidence_orders_good_and_bad_readings():
    sure = confidence_features(decode([entry(d, 0.95, 0.1 * n, d0=0.02) for n, d in enumerate("12345", 1)]), 0.95)
    doubtful = confidence_features(decode([*row("1234", 0.9), entry("5", 0.45, 0.5, d6=0.4)]), 0.4)
    assert confidence(sure) > 0.8 > 0.5 > confidence(doubtful)


def test_alternative_texts():
    reading = decode([*row("12", 0.8), entry("3", 0.6, 0.3, d4=0.2), entry("floatp", 0.99, 0.3)])
    texts = alternative_texts(reading, 0.7)
    assert texts[0] == ("12,3", 0.7)
    # 3 and 4 share 0.75 to 0.25 on the last wheel, and hardly anything else is possible
    assert texts[1] == ("12,4", pytest.approx(0.3, abs=1e-2))
    assert sum(probability for _, probability in texts) == pytest.approx(1)


def test_a_doubtful_comma_makes_an_alternative():
    reading = decode([*row("123", 1.0), entry("floatp", 0.53, 0.3)])
    assert alternative_texts(reading, 0.5) == (("12,3", 0.5), ("123", pytest.approx(0.5)))
    reading = decode([*row("123", 1.0), entry("floatp", 0.45, 0.3)])
    (own, _), (other, share) = alternative_texts(reading, 0.8)
    assert (own, other, share) == ("123", "12,3", pytest.approx(0.2))
