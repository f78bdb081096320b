import numpy as np
import pytest

from retinanet.evaluation.risk_coverage import (
    accuracy_at,
    coverage_at,
    expected_calibration_error,
    reliability,
    risk_coverage,
)

CONFIDENCE = np.array([0.9, 0.2, 0.8, 0.6])
RIGHT = np.array([True, False, True, False])


def test_the_most_confident_come_first():
    coverage, accuracy = risk_coverage(CONFIDENCE, RIGHT)
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(accuracy, [1, 1, 2 / 3, 1 / 2])


def test_the_order_of_equal_confidences_does_not_matter():
    for right in ([True, False], [False, True]):
        _, accuracy = risk_coverage(np.array([0.5, 0.5]), np.array(right))
        np.testing.assert_allclose(accuracy, [0.5, 0.5])


def test_accuracy_at_a_coverage():
    assert accuracy_at(0.5, CONFIDENCE, RIGHT) == 1
    assert accuracy_at(0.85, CONFIDENCE, RIGHT) == pytest.approx(2 / 3)
    assert np.isnan(accuracy_at(0.85, np.zeros(0), np.zeros(0)))


def test_coverage_at_an_accuracy():
    assert coverage_at(0.99, CONFIDENCE, RIGHT) == 0.5
    assert coverage_at(0.5, CONFIDENCE, RIGHT) == 1
    assert coverage_at(0.99, CONFIDENCE, ~RIGHT) == 0
    assert coverage_at(0.99, np.zeros(0), np.zeros(0)) == 0


def test_reliability_and_calibration_error():
    confidence = np.array([0.05, 0.15, 0.15, 0.95, 0.95, 1.0])
    right = np.array([0, 1, 0, 1, 1, 0])
    bins = reliability(confidence, right)
    assert [part.count for part in bins] == [1, 2, 3]
    assert bins[2].confidence == pytest.approx(2.9 / 3)
    assert bins[2].right == pytest.approx(2 / 3)
    # 1 x 0.05, 2 x 0.35 and 3 x 0.3 over 6
    assert expected_calibration_error(confidence, right) == pytest.approx((0.05 + 0.7 + 0.9) / 6)
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0)))
