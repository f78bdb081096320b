import dataclasses
import json

import numpy as np
import pytest

import calibrate as script
from deploy.recognition import exported_models, manifest
from deploy.recognition.confidence import FEATURES, ConfidenceModel, confidence
from deploy.recognition.errors import UserError
from deploy.recognition.manifest import fitted_to_others
from deploy.recognition.photo_files import read_photo
from retinanet.datasets.records import LabelledPhoto, LabelledWindow
from retinanet.datasets.sources import MEASURED, Measure
from retinanet.evaluation import calibration
from retinanet.evaluation.calibration import cross_validated, equal_counts, fit, write_confidence
from retinanet.evaluation.risk_coverage import expected_calibration_error
from tests import fake_meters


def answers(count=6000, seed=0):
    """Answers whose probability to be right is logistic in two of the features."""
    random = np.random.default_rng(seed)
    features = random.normal((-1, 2, 2, 0.8, 0.05, 0.1), (1, 1, 1, 0.1, 0.02, 0.02), (count, 6))
    truth = ConfidenceModel(0.5, (1.5, 0.0, 0.5, 0.0, 0.0, 0.0))
    probability = np.array([confidence(row, truth) for row in features])
    return features, random.random(count) < probability, probability


def test_fit_finds_the_probability_again():
    features, right, probability = answers()
    model = fit(features, right)
    fitted = np.array([confidence(row, model) for row in features])
    assert np.abs(fitted - probability).mean() < 0.02
    assert expected_calibration_error(fitted, right) < 0.02
    assert model.weights[0] == pytest.approx(1.5, abs=0.15)


def test_few_answers_hold_the_weights_near_nothing():
    features, right, _ = answers(60)
    few, many = fit(features, right), fit(*answers()[:2])
    assert 0 < few.weights[0] < 0.6 * many.weights[0]
    fitted = np.array([confidence(row, few) for row in features])
    assert fitted.mean() == pytest.approx(right.mean(), abs=0.01)  # the intercept is free


def test_a_feature_that_never_changes_does_no_harm():
    features, right, _ = answers(500)
    features[:, 4] = 0
    assert np.isfinite(fit(features, right).weights).all()


def test_too_few_wrong_answers():
    features, _, _ = answers(50)
    with pytest.raises(UserError, match="only 3 of 50 answers are of one kind"):
        fit(features, np.arange(50) >= 3)


def test_meters_are_left_out_whole(monkeypatch):
    features, right, _ = answers(40)
    groups = [f"meter {index % 8}" for index in range(40)]
    features[:, 0] = [index % 8 for index in range(40)]
    seen = []

    def noted(part, part_right, counts):
        seen.append({int(value) for value in part[:, 0]})
        return ConfidenceModel(0.0, (0.0,) * 6)

    monkeypatch.setattr(calibration, "fit", noted)
    assert (cross_validated(features, right, groups, folds=4) == 0.5).all()
    assert [len(meters) for meters in seen] == [6] * 4
    assert sorted(meter for meters in seen for meter in set(range(8)) - meters) == list(range(8))


def test_each_source_counts_the_same():
    sources = ["large"] * 9 + ["small"] * 3
    counts = equal_counts(sources)
    assert counts.tolist() == pytest.approx([2 / 3] * 9 + [2.0] * 3)
    # 60 right of the many, 20 wrong of the few: halves, where plain counting gives three quarters
    features = np.zeros((80, 6))
    right = np.arange(80) < 60
    model = fit(features, right, equal_counts(["many"] * 60 + ["few"] * 20))
    assert confidence(features[0], model) == pytest.approx(0.5, abs=1e-6)
    assert confidence(features[0], fit(features, right)) == pytest.approx(0.75, abs=1e-6)


def test_written_coefficients_are_those_that_models_take(tmp_path):
    models = ConfidenceModel(0.25, (1, 2, 3, 4, 5, 6)), ConfidenceModel(0.5, (6, 5, 4, 3, 2, 1))
    write_confidence(tmp_path / "new" / "confidence.json", *models)
    content = json.loads((tmp_path / "new" / "confidence.json").read_text())
    assert content == {
        "intercept": 0.25,
        "weights": dict(zip(FEATURES, (1, 2, 3, 4, 5, 6), strict=True)),
        "integer": {"intercept": 0.5, "weights": dict(zip(FEATURES, (6, 5, 4, 3, 2, 1), strict=True))},
    }
    assert (
        manifest.confidence({"confidence": content}),
        manifest.confidence_integer({"confidence": content}),
    ) == models


def test_coefficients_of_before_serve_for_the_digits_before_the_comma_too():
    weights = dict(zip(FEATURES[:5], (1, 2, 3, 4, 5), strict=True))
    older = {"confidence": {"intercept": 0.25, "weights": weights}}
    model = ConfidenceModel(0.25, (1, 2, 3, 4, 5, 0))
    assert manifest.confidence(older) == manifest.confidence_integer(older) == model


def test_weights_that_the_coefficients_were_not_fitted_to_are_told(tmp_path):
    file, fitted = tmp_path / "confidence.json", {"stage1": "a", "stage2": "b"}
    write_confidence(file, ConfidenceModel(), ConfidenceModel(), fitted)
    assert fitted_to_others(json.loads(file.read_text()), fitted) == []
    assert fitted_to_others(json.loads(file.read_text()), {"stage1": "a", "stage2": "c"}) == ["stage2"]
    # files of before say nothing
    write_confidence(file, ConfidenceModel(), None)
    assert fitted_to_others(json.loads(file.read_text()), fitted) == []


WEIGHTS = {"stage1": "a", "stage2": "b"}


@pytest.mark.parametrize(("wrong", "integer_right"), [("12305,679", "100.0%"), ("12304,678", "50.0%")])
def test_script(monkeypatch, tmp_path, capsys, wrong, integer_right):
    corners = fake_meters.turned_corners((400, 300), 300, 75, 12)
    photo = fake_meters.meter_photo(corners, 800, 600)
    photos = []
    for index in range(24):
        window = LabelledWindow(corners, "analog", readings=("12305,678" if index % 2 else wrong,))
        photos.append(LabelledPhoto(f"{index}.jpg", lambda: photo, "validation", str(index), (window,)))
    monkeypatch.setitem(MEASURED, "mbarira", Measure(lambda request: photos))
    monkeypatch.setattr(
        exported_models, "load_models", lambda folder: dataclasses.replace(fake_meters.models(), made_from=WEIGHTS)
    )
    output, chart = tmp_path / "confidence.json", tmp_path / "reliability.png"
    script.main(["mbarira", str(tmp_path), "--turns", "0", "--output", str(output), "--chart", str(chart)])
    printed = capsys.readouterr().out
    assert "24 answers on photos of 24 meters\nwhole texts: 50.0% right" in printed
    assert f"digits before the comma: {integer_right} right" in printed
    assert ("too few are wrong" in printed) == (integer_right == "100.0%")
    content = json.loads(output.read_text())
    assert content["fitted_to"] == WEIGHTS
    # all photos are alike: the weights cannot tell right from wrong, and half of the answers are right
    assert max(abs(value) for value in content["weights"].values()) < 0.01
    assert content["intercept"] == pytest.approx(0, abs=0.01)
    if integer_right == "50.0%":
        assert content["integer"]["intercept"] == pytest.approx(0, abs=0.01)
    else:
        assert "integer" not in content
    assert read_photo(chart).shape == (480, 760, 3)


def test_script_needs_sets(capsys):
    with pytest.raises(SystemExit) as error:
        script.parse_args([])
    assert error.value.code == 2
    assert "expected a SOURCE" in capsys.readouterr().err
