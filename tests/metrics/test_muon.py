"""Figures of muons, by hand: momentum, charge, direction, assignment of hits."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError, WirechamberError
from app.metrics import METRICS
from app.metrics.hit_assignment import hit_assignment
from app.metrics.muon_charge import muon_charge
from app.metrics.muon_direction import muon_direction
from app.metrics.muon_pt import muon_pt
from app.metrics.statistics.bins import MOST_PT, pt_of
from app.predictions import EFFICIENCY, PURITY, Predictions


def events(true, predicted, **columns):
    arrays = [{n: np.asarray(v, float) for n, v in values.items()} for values in (true, predicted, columns)]
    rows = len(next(iter(arrays[0].values())))
    return Predictions(np.arange(rows, dtype=np.uint64), arrays[0], arrays[1], {}, arrays[2])


def test_pt_by_hand():
    found = muon_pt(events({"pt": [10, 20, 40]}, {"pt": [11, 10, 40]}, eta=[0.1, -2.6, 2.6]))
    relative = np.array([0.1, -0.5, 0])
    assert found["pt_relative_bias"] == pytest.approx(relative.mean())
    assert found["pt_relative_rms"] == pytest.approx(relative.std())
    assert found["pt_relative_res_68pct"] == pytest.approx(np.percentile([0, 0.1, 0.5], 68))
    assert found["pt_relative_res_50pct"] == pytest.approx(0.1)
    assert found["q_over_pt_relative_bias"] == pytest.approx(np.mean([10 / 11 - 1, 1, 0]))
    assert "charge_misidentification" not in found
    assert [(b["low"], b["high"], b["rows"]) for b in found["bins"]] == [(10, 20, 1), (20, 30, 1), (30, 50, 1)]
    assert found["bins"][1]["pt_relative_bias"] == pytest.approx(-0.5)
    assert [(b["low"], b["rows"]) for b in found["eta_bins"]] == [(0, 1), (2.4, 2)]
    assert found["eta_bins"][1]["pt_relative_bias"] == pytest.approx(-0.25)


def test_half_width_of_gaussian_curvature():
    """A Gaussian 5 % in 1/pT is 5 % there, and a biased, skew distribution in pT."""
    rng = np.random.default_rng(1)
    pt = rng.uniform(5, 200, 40_000)
    found = muon_pt(events({"pt": pt}, {"pt": pt / (1 + 0.05 * rng.normal(size=len(pt)))}))
    assert found["q_over_pt_relative_68"] == pytest.approx(0.05, rel=0.02)
    assert found["q_over_pt_relative_bias"] == pytest.approx(0, abs=1e-3)
    assert found["pt_relative_bias"] == pytest.approx(0.05**2, rel=0.3)
    assert found["eta_bins"] == []


def test_signed_curvature_says_the_charge_as_well():
    true, predicted = np.array([0.1, -0.1, 0.02, -0.02]), np.array([0.11, -0.1, -0.01, 0.0])
    found = muon_pt(events({"q_over_pt": true}, {"q_over_pt": predicted}))
    assert found["charge_misidentification"] == 0.5  # 0 counts as positive
    relative = np.array([1 / 1.1 - 1, 0, 1, MOST_PT * 0.02 - 1])
    assert found["pt_relative_bias"] == pytest.approx(relative.mean())
    assert found["q_over_pt_relative_bias"] == pytest.approx(np.mean([0.1, 0, -1.5, -1]))
    assert [b["low"] for b in found["bins"]] == [10, 50]


def test_a_prediction_that_is_no_momentum_counts_as_infinite():
    found = muon_pt(events({"pt": [10, 10, 10]}, {"pt": [-5, 0, 1e9]}))
    assert found["q_over_pt_relative_bias"] == pytest.approx(10 / MOST_PT - 1)


@pytest.mark.parametrize(
    ("target", "true", "predicted"),
    [
        ("positive", [1, 1, 0, 0], [0.9, 0.2, 0.4, 0.1]),
        ("positive", [1, 1, 0, 0], [1, 0, 0, 0]),
        ("charge", [1, 1, -1, -1], [0.3, -0.1, -2, -0.5]),
        ("q_over_pt", [0.1, 0.1, -0.1, -0.1], [0.3, -0.1, -2, -0.5]),
    ],
)
def test_charge_by_hand(target, true, predicted):
    found = muon_charge(events({target: true}, {target: predicted}, pt=[6, 60, 6, 60], eta=[0, 0, -1, -1]))
    assert found["charge_misidentification"] == 0.25
    assert found["charge_misidentification_error"] == pytest.approx(np.sqrt(0.25 * 0.75 / 4))
    assert (found["positive_misidentification"], found["negative_misidentification"]) == (0.5, 0)
    assert [b["charge_misidentification"] for b in found["bins"]] == [0, 0.5]
    assert [b["charge_misidentification"] for b in found["eta_bins"]] == [0.5, 0]


def test_direction_by_hand_and_phi_is_wrapped():
    true = {"eta": [0.5, -1.0, 2.0], "phi": [3.1, -3.1, 0.0]}
    predicted = {"eta": [0.5, -1.03, 2.0], "phi": [-3.1, -3.1 + 2 * np.pi + 0.04, 0.0]}
    found = muon_direction(events(true, predicted, pt=[10, 10, 100]))
    phi = [2 * np.pi - 6.2, 0.04, 0]
    assert found["phi_bias"] == pytest.approx(np.mean(phi))
    assert found["eta_bias"] == pytest.approx(-0.01)
    distance = [phi[0], 0.05, 0]
    assert found["delta_r_median"] == pytest.approx(0.05)
    assert found["delta_r_68pct"] == pytest.approx(np.percentile(distance, 68))
    assert [b["delta_r_median"] for b in found["bins"]] == pytest.approx([np.mean(distance[:2]), 0])
    assert len(found["eta_bins"]) == 3
    alone = muon_direction(events({"phi": true["phi"]}, {"phi": predicted["phi"]}))
    assert alone["delta_r_68pct"] == pytest.approx(alone["phi_res_68pct"])
    assert "eta_bias" not in alone


def test_assignment_leaves_out_what_is_not_known():
    columns = {PURITY: [1, 0.5, np.nan, 0.0], EFFICIENCY: [1, 0.25, 0, np.nan]}
    found = hit_assignment(events({"pt": [6, 6, 60, 60]}, {"pt": [1, 1, 1, 1]}, **columns))
    assert found["hit_purity"] == pytest.approx(0.5)
    assert found["hit_efficiency"] == pytest.approx(1.25 / 3)
    assert found["hit_f1"] == pytest.approx(2 * 0.5 * (1.25 / 3) / (0.5 + 1.25 / 3))
    assert found["events_without_assigned_hits"] == 0.25
    assert [b["hit_purity"] for b in found["bins"]] == [0.75, 0]
    assert found["bins"][1]["hit_f1"] == 0


def test_a_baseline_assigns_nothing():
    both = events({"pt": [6, 6]}, {"pt": [1, 1]}, **{PURITY: [1, 1], EFFICIENCY: [1, 1]})
    of_baseline = Predictions(both.key, both.true, both.predicted, {"mean": both.predicted}, both.columns)
    assert hit_assignment(of_baseline.of_baseline("mean")) == {"rows": 2}


def test_the_momentum_is_found_wherever_it_stands():
    assert pt_of(events({"eta": [1]}, {"eta": [1]}, pt=[7])) == [7]
    assert pt_of(events({"eta": [1]}, {"eta": [1]}, q_over_pt=[-0.1])) == pytest.approx([10])
    assert pt_of(events({"eta": [1]}, {"eta": [1]})) is None


@pytest.mark.parametrize("name", ["muon_pt", "muon_charge", "muon_direction"])
def test_other_targets_are_refused(name):
    with pytest.raises(UserError, match="the metric needs"):
        METRICS[name].call(events({"energy": [1.0]}, {"energy": [1.0]}))


def test_values_that_mean_nothing_are_refused():
    with pytest.raises(WirechamberError, match="1 of 2 true values of pt are not above 0"):
        muon_pt(events({"pt": [10, 0]}, {"pt": [10, 10]}))
    with pytest.raises(WirechamberError, match="1 of 1 predicted values of eta are not finite"):
        muon_direction(events({"eta": [1]}, {"eta": [np.nan]}))
