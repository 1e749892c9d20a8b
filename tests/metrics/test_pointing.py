import numpy as np
import pytest

from app.core.errors import UserError
from app.metrics import METRICS
from app.predictions import Predictions

NAMES = ("direction_x", "direction_y", "direction_z")
ANGLES = np.array([0.0, 10.0, 20.0, 80.0, 100.0, 170.0])


def predictions(angles=ANGLES, **more):
    rad, rows = np.radians(angles), len(angles)
    true = dict(zip(NAMES, (np.zeros(rows), np.zeros(rows), np.full(rows, 0.02)), strict=True))
    predicted = dict(zip(NAMES, (5 * np.sin(rad), np.zeros(rows), 5 * np.cos(rad)), strict=True))
    columns = {"energy": np.array([0.006, 0.006, 0.01, 0.01, 0.025, 0.025])[:rows]}
    return Predictions(np.arange(rows, dtype=np.uint64), true, predicted, {}, columns, **more)


def test_by_hand():
    found = METRICS.parse("pointing").build(predictions())
    assert found["angle_mean_deg"] == pytest.approx(ANGLES.mean())
    assert found["angle_median_deg"] == pytest.approx(50)
    assert found["head_tail_fraction"] == pytest.approx(2 / 6)
    assert found["axis_median_deg"] == pytest.approx(np.median([0, 10, 20, 80, 80, 10]))
    assert found["cosine_mean"] == pytest.approx(np.cos(np.radians(ANGLES)).mean())
    assert [(one["low"], one["rows"]) for one in found["bins"]] == [(0.005, 2), (0.008, 2), (0.02, 2)]
    assert [one["angle_mean_deg"] for one in found["bins"]] == pytest.approx([5, 50, 135])
    assert "angle_mean_best_half_deg" not in found


def test_the_surest_half():
    sure = predictions(concentration={"direction": np.array([9.0, 1.0, 8.0, 7.0, 2.0, 3.0])})
    found = METRICS.parse("pointing").build(sure)
    assert found["angle_mean_best_half_deg"] == pytest.approx(np.mean([0, 20, 80]))


def test_isotropic_guesses():
    rng = np.random.default_rng(1)
    true, guess = rng.normal(size=(2, 3, 40_000))
    both = Predictions(
        np.arange(40_000, dtype=np.uint64), dict(zip(NAMES, true, strict=True)), dict(zip(NAMES, guess, strict=True))
    )
    found = METRICS.parse("pointing").build(both)
    assert found["angle_mean_deg"] == pytest.approx(90, abs=1)
    assert found["angle_median_deg"] == pytest.approx(90, abs=1)
    assert found["axis_median_deg"] == pytest.approx(60, abs=1)
    assert found["head_tail_fraction"] == pytest.approx(0.5, abs=0.01)
    assert found["bins"] == []


def test_a_task_without_a_direction():
    with pytest.raises(UserError, match="direction_x"):
        METRICS.parse("pointing").build(Predictions(np.zeros(1, np.uint64), {"x": np.ones(1)}, {"x": np.ones(1)}))
