"""Baselines of muons: directions as they stand in the data, momenta from curvatures whose constants are found."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import WirechamberError
from app.metrics.baselines import applicable, fit
from app.metrics.baselines.muon_line import all_hits, inner_station
from app.metrics.baselines.sagitta_fit import sagitta_fit

INPUTS = ("line_eta", "line_phi", "mean_eta", "curvature", "stations", "n_hits")
TARGETS = ("pt", "p", "q_over_pt", "charge", "positive")


def muons(rows, loss=3.0, noise=0.0, seed=1):
    """Muons whose curvature is A (p - loss)^-1, A 10 in the stations 7 and 20 (1 + |eta|) in 56."""
    rng = np.random.default_rng(seed)
    pt, eta, charge = rng.uniform(5, 100, rows), rng.uniform(-2.5, 2.5, rows), rng.choice([-1.0, 1.0], rows)
    stations = np.where(np.abs(eta) < 1, 7.0, 56.0)
    bin_middle = (np.floor(np.abs(eta) * 10) + 0.5) / 10
    a = np.where(stations == 7, 10.0, 20.0 * (1 + bin_middle))
    curvature = a * charge / (pt * np.cosh(eta) - loss) + noise * rng.normal(size=rows)
    truth = {"pt": pt, "eta": eta, "charge": charge, "p": pt * np.cosh(eta), "q_over_pt": charge / pt}
    truth |= {"phi": rng.uniform(-3, 3, rows), "positive": (charge > 0) * 1.0}
    table = {"curvature": curvature, "stations": stations, "line_eta": eta.copy(), "line_phi": truth["phi"].copy()}
    return table | {"mean_eta": eta + 0.1} | {f"true_{name}": values for name, values in truth.items()}


def test_the_constants_are_found():
    baseline = sagitta_fit(muons(40_000), {}, TARGETS)
    assert baseline.description.endswith("3 GeV lost before it")
    others = muons(2000, seed=2)
    for target, values in baseline(others).items():
        np.testing.assert_allclose(values, others[f"true_{target}"], rtol=1e-6)


def test_noise_on_the_curvature_does_not_move_them():
    clean, noisy = (sagitta_fit(muons(40_000, noise=n), {}, ("pt",))(muons(2000, seed=3)) for n in (0.0, 0.02))
    np.testing.assert_allclose(noisy["pt"], clean["pt"], rtol=0.1)
    assert np.median(noisy["pt"] / clean["pt"]) == pytest.approx(1, abs=0.01)


def test_a_bin_without_training_events_takes_the_constant_of_its_stations():
    train = muons(20_000)
    kept = (train["stations"] == 7) & ~((np.abs(train["line_eta"]) > 0.2) & (np.abs(train["line_eta"]) < 0.4))
    baseline = sagitta_fit({name: values[kept] for name, values in train.items()}, {}, ("pt",))
    others = muons(2000, seed=2)
    others = {name: values[others["stations"] == 7] for name, values in others.items()}
    np.testing.assert_allclose(baseline(others)["pt"], others["true_pt"], rtol=1e-6)


def test_events_without_three_stations():
    train = muons(1000)
    some = {name: values[:3].copy() for name, values in muons(3, seed=5).items()}
    some["curvature"][:2] = np.nan
    some["line_eta"][1] = np.nan
    some["curvature"][2] = 0.0
    found = sagitta_fit(train, {}, TARGETS)(some)
    assert found["pt"][:2].tolist() == [np.median(train["true_pt"])] * 2
    assert found["charge"][:2].tolist() == [1, 1]
    assert found["pt"][2] == pytest.approx(1e4 / np.cosh(some["line_eta"][2]), rel=1e-3)
    assert all(np.isfinite(values).all() for values in found.values())
    with pytest.raises(WirechamberError, match="no training event has hits in three stations"):
        sagitta_fit({**train, "curvature": np.full(1000, np.nan)}, {}, ("pt",))


def test_directions_are_those_of_the_data():
    table = muons(50)
    table["line_eta"][0], table["line_phi"][1] = np.nan, np.nan
    inner, every = (b(table, {}, ("eta", "phi"))(table) for b in (inner_station, all_hits))
    assert inner["eta"][0] == np.mean(table["true_eta"])
    assert inner["phi"][1] == 0
    np.testing.assert_array_equal(inner["eta"][1:], table["true_eta"][1:])
    np.testing.assert_array_equal(every["eta"], table["mean_eta"])
    np.testing.assert_array_equal(inner["phi"][2:], table["true_phi"][2:])
    assert list(inner_station(table, {}, ("phi",))(table)) == ["phi"]


def test_who_applies():
    assert applicable(INPUTS, ("pt",)) == ["mean", "sagitta_fit"]
    assert applicable(INPUTS, ("eta", "phi")) == ["all_hits", "inner_station", "mean"]
    assert applicable(INPUTS, ("positive",), classes=True) == ["most_frequent", "sagitta_fit"]
    assert applicable(("n_hits",), ("pt",)) == ["mean"]
    assert set(fit(muons(500), {}, ("q_over_pt",))) == {"mean", "sagitta_fit"}
