"""Baselines of a photon calorimeter: a straight line is found again, and events without light are not lost."""

import numpy as np
import pytest

from app.core.errors import WirechamberError
from app.metrics import BASELINES
from app.metrics.baselines import applicable, fit

LIGHT = ("light", "centroid_u", "centroid_v", "centroid_w", "time_first")
POSITION, VECTOR = ("u", "v", "w"), ("direction_x", "direction_y", "direction_z")


def events(rows=500, seed=1):
    """Light, and truth that depends on it by a straight line exactly."""
    rng = np.random.default_rng(seed)
    c = {
        "light": rng.uniform(1e4, 1e5, rows),
        "centroid_u": rng.uniform(-20, 20, rows),
        "centroid_v": rng.uniform(-60, 60, rows),
        "centroid_w": rng.uniform(0, 15, rows),
        "time_first": rng.uniform(1e-9, 5e-9, rows),
    }
    truth = {
        "energy": 0.002 + 5e-7 * c["light"],
        "u": 1.2 * c["centroid_u"] - 0.5,
        "v": 1.1 * c["centroid_v"] + 0.02 * c["centroid_w"],
        "w": 2 * c["centroid_w"] - 3,
        "theta": 90 - 0.9 * c["centroid_u"],
        "phi": 0.8 * c["centroid_v"],
        "time": c["time_first"] - 1e-9,
        "n_gamma": np.arange(rows) % 7 // 2,
    }
    return c | {f"true_{name}": values for name, values in truth.items()}


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("light_sum", ("energy",)),
        ("light_centroid", POSITION),
        ("light_centroid", ("theta", "phi")),
        ("light_centroid", ("w",)),
        ("first_light", ("time",)),
    ],
)
def test_a_straight_line_is_found_exactly(name, targets):
    baseline = BASELINES[name].call(events(), {}, targets)
    test = events(100, 2)
    found = baseline(test)
    assert list(found) == list(targets)
    for target, values in found.items():
        np.testing.assert_allclose(values, test[f"true_{target}"], rtol=1e-9, atol=1e-18)
    assert baseline.description == f"linear fit to {', '.join(BASELINES[name].facts.inputs)}"


def test_an_event_without_light_gets_the_mean_and_does_not_spoil_the_fit():
    train, test = events(), events(10, 2)
    train["time_first"][::3] = np.nan
    test["time_first"][0] = np.inf
    found = BASELINES["first_light"].call(train, {}, ("time",))(test)["time"]
    np.testing.assert_allclose(found[1:], test["true_time"][1:], rtol=1e-9)
    usable = np.isfinite(train["time_first"])
    assert found[0] == pytest.approx(train["true_time"][usable].mean())


def test_an_input_that_never_changes_says_nothing():
    train = events() | {"light": np.full(500, 7.0)}
    found = BASELINES["light_sum"].call(train, {}, ("energy",))(train | {"light": np.full(500, 9.0)})["energy"]
    np.testing.assert_allclose(found, train["true_energy"].mean())


def test_no_events_is_an_error():
    empty = {name: values[:0] for name, values in events().items()}
    with pytest.raises(WirechamberError, match="no training events with light"):
        BASELINES["light_sum"].call(empty, {}, ("energy",))
    with pytest.raises(WirechamberError, match="no training events"):
        BASELINES["most_frequent"].call(empty, {}, ("n_gamma",))


def test_the_most_frequent_class():
    baseline = BASELINES["most_frequent"].call(events(), {}, ("n_gamma",))
    assert baseline(events(3))["n_gamma"].tolist() == [0, 0, 0]  # 0 to 2 occur equally often
    few = {"true_n_gamma": np.array([2.0, 1.0, 2.0]), "true_charge": np.array([1.0, 0.0, 1.0])}
    assert BASELINES["most_frequent"].call(few, {}, ("n_gamma", "charge"))({"light": np.zeros(2)}) == {
        "n_gamma": pytest.approx([2, 2]),
        "charge": pytest.approx([1, 1]),
    }
    assert baseline.description == "most frequent class of the training events: n_gamma = 0"


def test_which_apply():
    assert applicable(LIGHT, ("energy",)) == ["light_sum", "mean"]
    assert applicable(LIGHT, POSITION) == applicable(LIGHT, VECTOR) == ["light_centroid", "mean"]
    assert applicable(LIGHT, ("theta", "phi")) == ["light_centroid", "mean"]
    assert applicable(LIGHT, ("time",)) == ["first_light", "mean"]
    assert applicable(LIGHT, ("n_gamma",), classes=True) == ["most_frequent"]
    assert applicable((), ("energy",)) == ["mean"]
    found = fit(events(), {}, ("n_gamma",), classes=True)
    assert list(found) == ["most_frequent"]
