"""Runge-Kutta beside a network: its own error at each number of steps, and the word on which is faster."""

from __future__ import annotations

import numpy as np
import pytest

from app.benchmark.runge_kutta import STEPS, applies, describe, measure_reference
from app.physics.magnet import Magnet
from app.physics.propagation import Propagator

MAGNET = Magnet({"name": "gaussian_dipole"}, 2665.0)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    columns = {"x": rng.uniform(-300, 300, 200), "y": rng.uniform(-250, 250, 200)}
    columns |= {"tx": rng.uniform(-0.3, 0.3, 200), "ty": rng.uniform(-0.2, 0.2, 200)}
    columns |= {"qop": rng.choice([-1, 1], 200) / rng.uniform(5, 100, 200), "dz": np.full(200, 5161.0)}
    state = np.stack([columns[name] for name in ("x", "y", "tx", "ty")], axis=-1)
    end = Propagator(MAGNET.field)(state, columns["qop"], 2665.0, columns["dz"], 400).state
    return measure_reference(MAGNET, columns, {"x": end[:, 0], "y": end[:, 1]}, 500, warmup=1, iterations=2, cpp=False)


def test_the_error_falls_with_the_fourth_power_of_the_steps(rows):
    errors = {row["steps"]: row["pos_mean_mm"] for row in rows if row["engine"] == "rk4_xla_float64"}
    assert list(errors) == list(STEPS)
    assert errors[10] / errors[20] == pytest.approx(16, rel=0.2)
    assert errors[20] / errors[40] == pytest.approx(16, rel=0.2)
    single = {row["steps"]: row["pos_mean_mm"] for row in rows if row["engine"] == "rk4_xla_float32"}
    assert single[5] == pytest.approx(errors[5], rel=0.05)
    assert single[100] > errors[100]  # rounding


def test_every_row_has_a_throughput_of_all_its_tracks(rows):
    assert all(
        row["throughput"] == pytest.approx(row["tracks"] / row["median"]) and row["tracks"] == 500 for row in rows
    )


def test_the_verdict_compares_at_equal_accuracy():
    known = [
        {"engine": "a", "steps": 5, "pos_mean_mm": 0.5, "throughput": 1000.0},
        {"engine": "a", "steps": 10, "pos_mean_mm": 0.01, "throughput": 500.0},
        {"engine": "b", "steps": 10, "pos_mean_mm": 0.01, "throughput": 300.0},
    ]
    assert describe(0.1, 100.0, known).startswith("a with 10 steps (0.0100 mm) WINS by 5.0x")
    assert describe(0.1, 2000.0, known).startswith("the model wins over a with 10 steps (0.0100 mm) by 4.0x")
    assert describe(1.0, 2000.0, known).startswith("the model wins over a with 5 steps")
    assert describe(0.001, 1.0, known) == "no Runge-Kutta reaches the model's 0.00100 mm: 0.0100 mm at 10 steps"


def test_it_applies_to_positions_of_tracks_in_a_known_field_only():
    columns = ["x", "y", "tx", "ty", "qop", "dz"]
    assert applies(MAGNET, columns, ["x", "y", "tx", "ty"])
    assert not applies(None, columns, ["x", "y"])
    assert not applies(MAGNET, columns, ["tx", "ty"])
    assert not applies(MAGNET, columns[:4], ["x", "y"])
