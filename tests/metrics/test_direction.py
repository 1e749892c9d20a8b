import json

import numpy as np
import pytest

from app.core.errors import UserError, WirechamberError
from app.metrics import METRICS, MetricFacts
from app.metrics.direction import direction, opening_angle
from app.physics.directions import emission_angles, emission_vector
from app.predictions import Predictions


def of_angles(true, predicted, columns=None):
    """Predictions of (theta, phi) pairs [deg]."""
    true, predicted = (np.asarray(pairs, float).T for pairs in (true, predicted))
    named = [dict(zip(("theta", "phi"), pairs, strict=True)) for pairs in (true, predicted)]
    return Predictions(np.arange(true.shape[1], dtype=np.uint64), *named, {}, columns or {})


def as_vectors(predictions, length=1.0):
    """The same directions by their components, the predicted ones of any length."""

    def vectors(values, factor):
        xyz = emission_vector(values["theta"], values["phi"])
        return {f"direction_{axis}": factor * v for axis, v in zip("xyz", xyz, strict=True)}

    true, predicted = vectors(predictions.true, 1.0), vectors(predictions.predicted, length)
    return Predictions(predictions.key, true, predicted, {}, predictions.columns)


def random_angles(rows=5000, spread=2.0):
    rng = np.random.default_rng(1)
    true = np.stack([rng.uniform(60, 120, rows), rng.uniform(-60, 60, rows)], 1)
    return true, true + rng.normal([0.3, -0.5], spread, true.shape)


def test_by_hand():
    """At theta = 90 the angle between two azimuths is their difference, at equal phi that of theta."""
    found = direction(of_angles([[90, 10], [90, 10], [90, 10]], [[90, 70], [150, 10], [90, 10]]))
    assert found["val_cos"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found["angle_resolution_68pct"] == pytest.approx(60)
    assert found["theta_bias"] == pytest.approx(20)
    assert found["theta_rms"] == pytest.approx(np.std([0, 60, 0]))
    assert found["phi_bias"] == pytest.approx(20)
    assert found["phi_res_68pct"] == pytest.approx(np.percentile([60, 0, 0], 68))
    assert (found["rows"], found["bins"]) == (3, [])


def test_phi_is_wrapped():
    found = direction(of_angles([[90, 179], [90, -178], [90, 0]], [[90, -179], [90, 178], [90, 720]]))
    assert found["phi_bias"] == pytest.approx((2 - 4 + 0) / 3)
    assert found["angle_resolution_68pct"] < 4
    assert direction(of_angles([[90, 0]], [[90, 180]]))["val_cos"] == pytest.approx(2)


def test_vectors_of_any_length_say_the_same():
    pairs = of_angles(*random_angles())
    by_angles = direction(pairs)
    for length in (1.0, 1e-5, 40.0):
        by_vector = direction(as_vectors(pairs, length))
        assert by_vector.keys() == by_angles.keys()
        for key, value in by_angles.items():
            assert by_vector[key] == pytest.approx(value, rel=1e-9), key


def test_small_angles_keep_their_digits():
    """2e-8 rad; 1 - cos of it is 2e-16, the last digit of a float64."""
    angle = opening_angle(np.array([[1.0, 0.0, 0.0]]), np.array([[3.0, 6e-8, 0.0]]))
    assert angle == pytest.approx(2e-8, rel=1e-6)
    assert opening_angle(np.eye(3)[:1], -np.eye(3)[:1]) == pytest.approx(np.pi)


def test_a_prediction_without_a_direction_is_not_a_good_one():
    vectors = as_vectors(of_angles([[70, 20]], [[70, 20]]), 0.0)
    found = direction(vectors)
    assert found["angle_resolution_68pct"] == pytest.approx(90)
    assert found["val_cos"] == pytest.approx(1)


def test_bins_of_energy_learned_or_known():
    true, predicted = random_angles(400)
    energy = np.repeat([0.02, 0.06], 200)
    predicted[200:] = true[200:]
    known = direction(of_angles(true, predicted, {"energy": energy}))
    assert [(b["low"], b["high"], b["rows"]) for b in known["bins"]] == [(0.02, 0.03, 200), (0.05, 0.06, 200)]
    assert known["bins"][1]["val_cos"] == 0
    assert set(known["bins"][0]) == set(known) - {"bins"} | {"low", "high"}
    both = of_angles(true, predicted)
    both.true["energy"] = both.predicted["energy"] = energy
    assert direction(both)["bins"] == known["bins"]
    assert len(METRICS.parse({"name": "direction", "energy_bins": [0, 1]}).build(both)["bins"]) == 1


def test_keys_are_the_documented_ones():
    found = direction(of_angles(*random_angles(50)))
    assert {"val_cos", "angle_resolution_68pct", "theta_bias", "theta_rms", "phi_bias", "phi_rms"} <= set(found)
    json.dumps(found, allow_nan=False)
    assert METRICS["direction"].facts == MetricFacts(
        primary="angle_resolution_68pct",
        better="lower",
        binned_in="E [GeV]",
        units={"angle": "deg", "theta": "deg", "phi": "deg"},
    )


def test_what_is_not_a_direction():
    with pytest.raises(UserError, match=r"the metric needs theta, phi"):
        direction(Predictions(np.zeros(1, np.uint64), {"u": np.ones(1)}, {"u": np.ones(1)}))
    with pytest.raises(WirechamberError, match="1 of 1 predicted values of phi are not finite"):
        direction(of_angles([[90, 0]], [[90, np.nan]]))


def test_angles_of_a_vector_are_those_it_was_made_from():
    theta, phi = np.random.default_rng(1).uniform([1, -179], [179, 179], (100, 2)).T
    back = emission_angles(*(7.0 * v for v in emission_vector(theta, phi)))
    np.testing.assert_allclose(back, (theta, phi), rtol=1e-12)
