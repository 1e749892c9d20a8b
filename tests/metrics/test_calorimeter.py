"""Position, energy and time of a photon: keys, values by hand, bins."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from app.core.errors import UserError, WirechamberError
from app.metrics import METRICS, MetricFacts
from app.metrics.energy import energy
from app.metrics.position import position
from app.metrics.statistics.residuals import widths
from app.metrics.timing import timing
from app.predictions import Predictions

SUFFIXES = ("bias", "rms", "68", "res_68pct")


def predictions(true, residuals, columns=None):
    key = np.arange(len(next(iter(true.values()))), dtype=np.uint64)
    true = {name: np.asarray(values, float) for name, values in true.items()}
    predicted = {name: true[name] + np.asarray(residuals[name], float) for name in true}
    return Predictions(key, true, predicted, {}, {n: np.asarray(v, float) for n, v in (columns or {}).items()})


def test_widths_of_a_shifted_gaussian():
    """The half width does not see the bias; the percentile of |residual| does: P(|3 + s x| < q) = 0.68."""
    values = np.random.default_rng(1).normal(0.5, 2.0, 200_000)
    found = widths("t", values)
    assert found["t_bias"] == pytest.approx(0.5, abs=0.02)
    assert found["t_rms"] == pytest.approx(2.0, rel=0.01)
    assert found["t_68"] == pytest.approx(2.0, rel=0.01)
    q = found["t_res_68pct"]
    assert norm.cdf(q, 0.5, 2) - norm.cdf(-q, 0.5, 2) == pytest.approx(0.68, abs=0.005)
    with pytest.raises(WirechamberError, match="t_rms"):
        widths("t", np.array([1e300, -1e300]))


def test_position_by_hand():
    true = {"u": [3.0, 0.0], "v": [4.0, 5.0], "w": [0.0, 0.0]}
    found = position(predictions(true, {"u": [0, 3.0], "v": [0, -1.0], "w": [2.0, 0.0]}))
    assert found["uvw_dist_68pct"] == pytest.approx(np.percentile([2, np.sqrt(10)], 68))
    assert found["val_cos_pos"] == pytest.approx(np.mean([1 - 5 / np.sqrt(29), 1 - 4 / 5]))
    assert found["uvw_u_bias"] == pytest.approx(1.5)
    assert found["uvw_v_rms"] == pytest.approx(0.5)
    assert found["uvw_w_res_68pct"] == pytest.approx(np.percentile([2, 0], 68))
    assert set(found) == {
        *("uvw_dist_68pct", "val_cos_pos", "rows", "bins"),
        *(f"uvw_{axis}_{suffix}" for axis in "uvw" for suffix in SUFFIXES),
    }
    units = {"uvw": "cm", "uvw_u": "cm", "uvw_v": "cm", "uvw_w": "cm"}
    facts = MetricFacts(primary="uvw_dist_68pct", better="lower", binned_in="E [GeV]", units=units)
    assert METRICS["position"].facts == facts


def test_energy_by_hand():
    found = energy(predictions({"energy": [0.02, 0.05]}, {"energy": [0.001, -0.001]}))
    assert found["energy_bias"] == pytest.approx(0, abs=1e-15)
    assert found["energy_rms"] == pytest.approx(0.001)
    assert found["energy_relative_bias"] == pytest.approx((0.05 - 0.02) / 2)
    assert found["energy_relative_res_68pct"] == pytest.approx(np.percentile([0.05, 0.02], 68))
    assert [(b["low"], b["high"], b["rows"]) for b in found["bins"]] == [(0.02, 0.03, 1), (0.05, 0.06, 1)]
    assert found["bins"][1]["energy_bias"] == pytest.approx(-0.001)
    assert set(found) == {
        *("rows", "bins"),
        *(f"energy_{kind}{suffix}" for kind in ("", "relative_") for suffix in SUFFIXES),
    }
    json.dumps(found, allow_nan=False)
    with pytest.raises(WirechamberError, match="1 of 2 true values of energy are not above 0"):
        energy(predictions({"energy": [0.0, 0.05]}, {"energy": [0.0, 0.0]}))


def test_a_stochastic_resolution_is_seen_in_the_bins():
    """sigma / E = 5 % sqrt(20 MeV / E): relative 5 % at 20 MeV, 3.2 % at 50."""
    rng = np.random.default_rng(1)
    true = rng.uniform(0.015, 0.06, 60_000)
    noise = rng.normal(0, 0.05 * np.sqrt(0.02 * true))
    spec = METRICS.parse({"name": "energy", "energy_bins": [0.0199, 0.0201, 0.0499, 0.0501]})
    low, _, high = spec.build(predictions({"energy": true}, {"energy": noise}))["bins"]
    assert low["energy_relative_68"] == pytest.approx(0.05, rel=0.15)
    assert high["energy_relative_68"] == pytest.approx(0.05 * np.sqrt(0.4), rel=0.15)


def test_timing_by_hand():
    delta = np.array([1e-10, -3e-10, 2e-10])
    found = timing(predictions({"time": [1e-8, 2e-8, 3e-8]}, {"time": delta}, {"energy": [0.01, 0.02, 0.055]}))
    assert found["time_bias"] == pytest.approx(0, abs=1e-20)
    assert found["time_rms"] == pytest.approx(delta.std())
    assert found["time_res_68pct"] == pytest.approx(np.percentile(np.abs(delta), 68))
    assert [b["rows"] for b in found["bins"]] == [1, 1]  # 10 MeV lies below the first bin
    assert METRICS["timing"].facts.primary == "time_res_68pct"
    assert METRICS["energy"].facts.primary == "energy_res_68pct"


@pytest.mark.parametrize("metric", ["position", "energy", "timing"])
def test_other_targets_and_values_are_refused(metric):
    with pytest.raises(UserError, match="the metric needs"):
        METRICS.parse(metric).build(predictions({"x": [1.0]}, {"x": [0.0]}))
    needs = {"position": ("u", "v", "w"), "energy": ("energy",), "timing": ("time",)}[metric]
    with pytest.raises(WirechamberError, match="not finite"):
        METRICS.parse(metric).build(predictions({n: [1.0] for n in needs}, {n: [np.inf] for n in needs}))
    with pytest.raises(UserError, match="energy_bins: bin edges must rise"):
        METRICS.parse({"name": metric, "energy_bins": [0.05, 0.01]})
