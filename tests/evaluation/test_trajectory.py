"""States along the way of a finished run: from the start state, through the magnet, to what the run predicts."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.config.job_file import parse
from app.core.errors import UserError
from app.data.loading import load_data
from app.evaluation import load, trajectory
from app.evaluation.trajectory import Trajectory
from app.execution.session import Options
from app.execution.single import train_job
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.runge_kutta import rk4
from app.training.build import build

NAMES = ("x", "y", "tx", "ty")
ZETA = np.linspace(0, 1, 7)


def job(model=None, **changes):
    return parse(
        {
            "name": "along",
            "application": "track_extrapolation",
            "dataset": {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}},
            "model": {"name": "pinn", "hidden": [16], "coefficients": 6, **(model or {})},
            "tasks": {"state": {"targets": list(NAMES), "transform": "kick", "metrics": ["track_residuals"]}},
            "plots": [],
            **changes,
        }
    )


@pytest.fixture(autouse=True)
def _shared_data(simulated, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))


def tracks(count=50, seed=1):
    rng = np.random.default_rng(seed)
    spans = {"x": 300, "y": 250, "tx": 0.3, "ty": 0.25}
    made = {name: rng.uniform(-span, span, count) for name, span in spans.items()}
    made |= {"qop": rng.choice([-1, 1], count) / rng.uniform(5, 100, count), "dz": np.full(count, 5161.0)}
    return {name: values.astype(np.float32) for name, values in made.items()}


def of(model=None):
    """Return an untrained model of the job, as a run would load it, and its predictions."""
    one = job(model)
    data = load_data(one)
    deployed = build(one, data).deployed
    states = Trajectory(deployed, data.columns, one.model.options.inputs.mirror)
    return states, lambda columns: np.asarray(deployed({"state": np.stack(list(columns.values()), -1)})["state"])


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("derivative", ["spectral", "forward", "gradient_tape"])
@pytest.mark.parametrize("start", ["hard", "soft"])
def test_tracks_begin_at_the_start_state_and_end_at_the_prediction(mirror, derivative, start):
    states, predict = of({"derivative": derivative, "initial_condition": start, "inputs": {"mirror": mirror}})
    columns = tracks()
    found, end = states(columns, ZETA), predict(columns)
    for i, name in enumerate(NAMES):
        assert found[name].shape == (50, 7)
        np.testing.assert_allclose(found[name][:, -1], end[:, i], rtol=1e-4, atol=1e-3 if i < 2 else 1e-6)
        if start == "hard":
            np.testing.assert_array_equal(found[name][:, 0], columns[name])


@pytest.mark.parametrize(
    "model",
    [
        *({"derivative": d, "initial_condition": s} for d in ("spectral", "forward") for s in ("hard", "soft")),
        {"derivative": "gradient_tape", "inputs": {"mirror": True}},
        {"inputs": {"mirror": True, "features": ["tx", "ty", "qop", "lens_u", "lens_v"]}},
    ],
)
def test_a_saved_model_gives_the_same_tracks(model, tmp_path):
    states, predict = of(model)
    states.deployed.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    columns = tracks()
    again = Trajectory(loaded, states.columns, bool(model.get("inputs")))(columns, ZETA)
    for name, values in states(columns, ZETA).items():
        np.testing.assert_array_equal(again[name], values)
    end = loaded({"state": np.stack(list(columns.values()), -1)})["state"]
    np.testing.assert_array_equal(end, predict(columns))


def test_behind_a_mirror_mirrored_tracks_are_mirror_images():
    states, _ = of({"inputs": {"mirror": True}})
    columns = tracks()
    found = states(columns, ZETA)
    for turned in (("x", "tx", "qop"), ("y", "ty")):
        other = states({name: -values if name in turned else values for name, values in columns.items()}, ZETA)
        for name in NAMES:
            np.testing.assert_array_equal(other[name], -found[name] if name in turned else found[name])


def test_many_tracks_are_taken_in_parts(monkeypatch):
    states, _ = of()
    columns = tracks()
    whole = states(columns, ZETA)
    monkeypatch.setattr(trajectory, "POINTS_AT_ONCE", 50)  # 7 tracks at a time
    for name, values in states(columns, ZETA).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-6, atol=1e-4)
    one = states({name: values[:3].tolist() for name, values in columns.items()}, 0.5)
    np.testing.assert_allclose(one["x"], whole["x"][:3, 3:4], rtol=1e-6, atol=1e-4)


@pytest.mark.slow
def test_a_trained_run_follows_the_tracks_through_the_magnet(tmp_path):
    """Labels stand at the end only: in between the equation of motion has taught it."""
    training = {"epochs": 40, "batch_size": 64, "optimizer": {"name": "adam", "learning_rate": 1e-2}, "xla": False}
    one = job(
        {"inputs": {"mirror": True}}, constraints=[{"name": "lorentz_residual", "weight": 1.0}], training=training
    )
    run = train_job(one, Options(config=tmp_path / "job.json", overwrite=True))
    columns = tracks()
    found = load(str(run.path)).track(columns, [0.25, 0.5, 0.75])
    state, qop, dz = (columns[name].astype(float) for name in NAMES), columns["qop"].astype(float), 5161.0
    start = tuple(state)
    for i, zeta in enumerate((0.25, 0.5, 0.75)):
        x, y, *_ = rk4(GaussianDipole(), start, qop, 2665.0, dz * zeta, 20)
        error = np.hypot(found["x"][:, i] - x, found["y"][:, i] - y)
        line = np.hypot(start[0] + start[2] * dz * zeta - x, start[1] + start[3] * dz * zeta - y)
        assert np.mean(error) < 0.1 * np.mean(line)


@pytest.mark.parametrize(
    ("zeta", "line"),
    [
        (
            1.5,
            "zeta: 1 of 1 points lie outside the track. Expected shares of dz from 0, the start, to 1, the end.",
        ),
        ([0.0, -0.1, 0.5, 2], "zeta: 2 of 4 points lie outside the track. "),
        (float("nan"), "zeta: 1 of 1 points lie outside the track. "),
        ([], "zeta: not a list of points. Expected numbers from 0 to 1. Received (0,)."),
        ([[0.1, 0.2]], "zeta: not a list of points. Expected numbers from 0 to 1. Received (1, 2)."),
    ],
)
def test_points_outside_the_track(zeta, line):
    states, _ = of()
    with pytest.raises(UserError) as caught:
        states(tracks(2), zeta)
    assert str(caught.value).startswith(line)


def test_models_that_know_the_end_only(trained):
    loaded = load(str(trained / "runs" / "trained"))
    with pytest.raises(
        UserError, match=r"track: the model knows the end of a track only\. Expected a run with the model"
    ):
        loaded.track(tracks(2), 0.5)
    with pytest.raises(UserError, match=r"qop: missing input column"):
        loaded.track({name: values for name, values in tracks(2).items() if name != "qop"}, 0.5)
    one = parse({**job().dump(), "model": {"name": "rk_pinn", "hidden": [8]}})
    data = load_data(one)
    with pytest.raises(UserError, match="track: the model knows a Runge-Kutta step: its end and its stages"):
        Trajectory(build(one, data).deployed, data.columns, False)
