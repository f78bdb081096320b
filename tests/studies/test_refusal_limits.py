import numpy as np
import pytest

from retinanet.studies.refusal_limits import Limits, Readings, best_limits


def readings(*photos):
    """Of photos as (window's score, confidence, whether the text is right)."""
    scores, confidences, right = zip(*photos, strict=True)
    return Readings(np.array(scores), np.array(confidences), np.array(right, bool))


def test_limits_ask_more_of_readings_in_unsure_windows():
    limits = Limits(min_final_score=0.5, sure_score=0.7, min_confidence=0.3, min_confidence_unsure=0.6)
    scores, confidences = np.array([0.9, 0.9, 0.6, 0.6, 0.4]), np.array([0.35, 0.25, 0.65, 0.55, 0.99])
    assert limits.answers(scores, confidences).tolist() == [True, False, True, False, False]


def test_the_best_limits_keep_right_readings_and_refuse_what_is_no_meter():
    water = readings((0.9, 0.9, 1), (0.9, 0.5, 1), (0.6, 0.75, 1), (0.9, 0.22, 0))
    no_meter = readings(*[(0.6, 0.6, 0)] * 3, *[(0.45, 0.99, 0)] * 2, *[(0.0, 0.0, 0)] * 95)
    limits = best_limits([water], no_meter, most_answered=0.01)
    assert limits.answers(water.window_scores, water.confidences).tolist() == [True, True, True, False]
    assert not limits.answers(no_meter.window_scores, no_meter.confidences).any()


def test_each_set_counts_the_same():
    # limits that let displays through answer one photo without a meter more than are allowed with those of water
    water, displays = readings(*[(0.9, 0.5, 1)] * 50), readings((0.55, 0.5, 1), (0.55, 0.5, 1))
    no_meter = readings(*[(0.9, 0.5, 0)], *[(0.55, 0.5, 0)], *[(0.0, 0.0, 0)] * 98)
    limits = best_limits([water, displays], no_meter, most_answered=0.01)
    answered = [limits.answers(own.window_scores, own.confidences).sum() for own in (water, displays)]
    assert answered in ([50, 0], [0, 2])
    assert (
        best_limits([water, displays], no_meter, most_answered=0.02)
        .answers(displays.window_scores, displays.confidences)
        .all()
    )


def test_no_limits_refuse_enough():
    sure = readings(*[(0.99, 0.99, 0)] * 10)
    assert best_limits([readings((0.9, 0.9, 1))], sure, most_answered=0.0) is None


@pytest.mark.parametrize("score", [0.39, 0.0])
def test_what_has_no_reading_is_never_answered(score):
    assert not Limits(0.4, 0.5, 0.2, 0.3).answers(np.array([score]), np.array([0.99])).any()
