"""Baselines of any flat inputs: a linear fit is exact for a line, trees for steps; they stand in where no other is."""

from __future__ import annotations

import numpy as np
import pytest

from app.metrics import METRICS
from app.metrics.baselines import applicable, fit
from app.predictions import Predictions

ROWS = 400


@pytest.fixture
def columns():
    rng = np.random.default_rng(1)
    a, b = rng.normal(3, 2, ROWS), rng.uniform(-1, 1, ROWS)
    kind = (a + 5 * b > 3).astype(np.float64)
    return {"a": a, "b": b, "same": 2 * a, "fixed": np.ones(ROWS), "true_y": 4 - 2 * a + 7 * b, "true_kind": kind}


def fitted(name, columns, targets, classes=False):
    return fit(columns, columns, targets, [name], classes, ["a", "b", "same", "fixed"])[name]


def test_a_line_is_found_exactly_also_among_inputs_that_depend_on_each_other(columns):
    baseline = fitted("least_squares", columns, ["y"])
    np.testing.assert_allclose(baseline(columns)["y"], columns["true_y"], atol=1e-10)
    new = {"a": np.array([0.0, 1.0]), "b": np.array([0.0, -1.0]), "same": np.array([0.0, 2.0]), "fixed": np.ones(2)}
    np.testing.assert_allclose(baseline(new | {"further": np.zeros(2)})["y"], [4.0, -5.0], atol=1e-10)
    assert baseline.description == "linear in 4 inputs, fitted to 400 training events"


def test_least_squares_are_those_of_numpy(columns):
    noisy = columns | {"true_y": columns["true_y"] + np.random.default_rng(2).normal(0, 1, ROWS)}
    design = np.stack([np.ones(ROWS), noisy["a"], noisy["b"]], axis=-1)
    expected = design @ np.linalg.lstsq(design, noisy["true_y"], rcond=None)[0]
    np.testing.assert_allclose(fitted("least_squares", noisy, ["y"])(noisy)["y"], expected, atol=1e-9)


def test_classes_on_two_sides_of_a_line_are_told_apart(columns):
    for name in ("logistic_fit", "boosted_classes"):
        probability = fitted(name, columns, ["kind"], classes=True)(columns)["kind"]
        assert np.mean((probability >= 0.5) == columns["true_kind"]) > 0.98
        assert len(np.unique(probability)) > 5
        three = columns | {"true_kind": columns["true_kind"] + (columns["b"] > 0.5)}
        np.testing.assert_array_equal(
            np.unique(fitted(name, three, ["kind"], classes=True)(columns)["kind"]), [0, 1, 2]
        )
        one = columns | {"true_kind": np.full(ROWS, 2.0)}
        np.testing.assert_array_equal(fitted(name, one, ["kind"], classes=True)(columns)["kind"], 2.0)


def test_the_area_under_the_curve_of_two_classes_is_known(columns):
    spread = columns | {"true_kind": (columns["a"] + np.random.default_rng(3).normal(0, 2, ROWS) > 3).astype(float)}
    score = fitted("logistic_fit", spread, ["kind"], classes=True)(spread)["kind"]
    truth = {"kind": spread["true_kind"]}
    predictions = Predictions(np.arange(ROWS, dtype=np.uint64), truth, {}, {"logistic_fit": {"kind": score}})
    found = METRICS.parse("classification").build(predictions.of_baseline("logistic_fit"))
    positive, negative = score[truth["kind"] == 1], score[truth["kind"] == 0]
    wins = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
    assert found["auc"] == pytest.approx(wins)
    assert found["accuracy"] == np.mean((score >= 0.5) == truth["kind"])


@pytest.mark.parametrize(("classes", "has_area"), [((0, 1, 2), True), ((0, 2, 3), True), ((0, 1, 4), False)])
def test_the_areas_of_several_classes_are_known(columns, classes, has_area):
    """There is none where the events have a class that the training has not, here 4."""
    kind = np.array(classes, float)[np.digitize(columns["a"] + columns["b"] ** 2, [2, 4])]
    seen = columns | {"true_kind": np.minimum(kind, 3)}
    predicted = fitted("logistic_fit", seen, ["kind"], classes=True)(columns)
    truth, baselines = {"kind": kind, "energy": columns["b"]}, {"a": {**predicted, "energy": columns["b"]}}
    known = Predictions(np.arange(ROWS, dtype=np.uint64), truth, {}, baselines)
    found = METRICS.parse("classification").build(known.only(["kind"]).of_baseline("a"))
    assert found["accuracy"] == np.mean(predicted["kind"] == kind)
    assert ("auc" in found) is has_area
    areas = []
    for k in classes if has_area else ():
        yes, no = (predicted[f"kind_{k}"][kind == k], predicted[f"kind_{k}"][kind != k])
        areas.append((yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean())
    if has_area:
        assert found["auc"] == pytest.approx(np.mean(areas))


def test_trees_find_a_step_that_a_line_does_not(columns):
    step = columns | {"true_y": np.sign(columns["b"])}
    trees, line = (fitted(name, step, ["y"])(step)["y"] - step["true_y"] for name in ("boosted_trees", "least_squares"))
    assert np.std(trees) < 0.01 < 0.4 < np.std(line)


def test_they_stand_in_for_what_nobody_has_written_a_baseline_for():
    assert applicable(["a"], ("y",), flat=["a"]) == ["mean", "boosted_trees", "least_squares"]
    assert applicable(["a"], ("y",), True, ["a"]) == ["most_frequent", "boosted_classes", "logistic_fit"]
    assert applicable(["adc"], ("energy",)) == ["mean"]  # an image is no row of columns
    state = ["x", "y", "tx", "ty", "qop", "dz"]
    assert applicable(state, ("x", "y"), flat=state) == ["polynomial", "straight_line"]


def test_what_is_left_out_of_a_large_sample_is_said(columns, monkeypatch):
    monkeypatch.setattr("app.metrics.baselines.scikit_fits.MOST_ROWS", 100)
    described = fitted("boosted_trees", columns, ["y"]).description
    assert described == "100 boosted trees of 4 inputs, fitted to the first 100 of 400 training events"
