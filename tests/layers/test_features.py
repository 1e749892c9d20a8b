"""What a network sees of track states, and models with a mirror, features and a baseline as a whole."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
import pytest

from app.config.job_file import parse
from app.core.errors import UserError
from app.data.loading import Data, make_batch
from app.layers.features import LENS, Features, check_features, split_columns
from app.physics.extrapolation.thin_lens import thin_lens
from app.physics.magnet import Magnet
from app.physics.momentum_slopes import to_momentum
from app.physics.runge_kutta import rk4
from app.training.build import build
from datasets.pipeline.split import split

Z, DZ = 2665.0, 5161.0
STATE = ("x", "y", "tx", "ty")
NAMES = (*STATE, "qop", "dz")
COLUMNS = {"state": list(NAMES)}
MAXWELL = Magnet({"name": "gaussian_dipole", "maxwell": True}, Z)
IN_X, IN_Y = np.array([-1, 1, -1, 1, -1, 1], np.float32), np.array([1, -1, 1, -1, 1, 1], np.float32)


def states(rows=400, seed=1):
    """Start states (N, 6) and their ends (N, 4) behind the dipole."""
    random = np.random.default_rng(seed)
    start = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (rows, 4))
    qop = random.choice([-1.0, 1.0], rows) / np.exp(random.uniform(*np.log([2.0, 100.0]), rows))
    end = np.stack(rk4(MAXWELL.field, tuple(start.T), qop, Z, DZ, 50), axis=1)
    return np.column_stack([start, qop, np.full(rows, DZ)]).astype(np.float32), end.astype(np.float32)


def seen(features, mirror=False, state=None, columns=COLUMNS, magnet=MAXWELL):
    layer = Features(columns, features, mirror, magnet.config() if magnet else None)
    return np.asarray(layer({"state": states(50)[0] if state is None else state}))


def test_columns_in_the_order_asked_for():
    state, _ = states(50)
    assert np.array_equal(seen(("qop", "x", "ty")), state[:, [4, 0, 3]])
    assert np.array_equal(seen(("dz",), magnet=None), state[:, [5]])


def test_momentum_slopes_and_the_state_behind_a_thin_lens():
    state, _ = states(50)
    columns = split_columns({"state": state.astype(np.float64)}, COLUMNS)
    end = thin_lens(MAXWELL, columns)
    expected = [*to_momentum(columns["tx"], columns["ty"]), *end, *to_momentum(end[2], end[3])]
    found = seen(("u", "v", *LENS))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(found[:, [0, 1, 4, 5, 6, 7]], np.stack(expected, 1)[:, [0, 1, 4, 5, 6, 7]], atol=1e-6)


def test_mirrored_tracks_look_the_same():
    state, _ = states(50)
    every = (*NAMES, "u", "v", *LENS)
    plain, folded = seen(every), seen(every, mirror=True)
    assert (folded[:, 4] > 0).all()
    assert (folded[:, 3] >= 0).all()
    np.testing.assert_allclose(np.abs(folded), np.abs(plain), rtol=1e-6, atol=1e-6)
    for flip in (IN_X, IN_Y, IN_X * IN_Y):
        assert np.array_equal(seen(every, mirror=True, state=state * flip), folded)


def test_z_start_may_be_a_column():
    state, _ = states(50)
    longer = np.column_stack([state, np.full(50, Z, np.float32)])
    columns, magnet = {"state": [*NAMES, "z_start"]}, Magnet(MAXWELL.field_json, None)
    found = seen(LENS, state=longer, columns=columns, magnet=magnet)
    np.testing.assert_allclose(found, seen(LENS), rtol=1e-5, atol=1e-4)


def test_the_layer_comes_back_from_its_configuration():
    layer = Features(COLUMNS, ("lens_x", "tx"), True, MAXWELL.config(), name="features")
    again = Features.from_config(layer.get_config())
    state, _ = states(50)
    assert np.array_equal(layer({"state": state}), again({"state": state}))
    assert layer.compute_output_shape({"state": (None, 6)}) == (None, 2)


@pytest.mark.parametrize(
    ("features", "columns", "magnet", "text"),
    [
        (
            ("tx", "lens_u", "lensx"), NAMES, MAXWELL,
            "model.inputs.features.2: unknown feature. Did you mean 'lens_x'? Expected one of [x, y, tx, ty, qop, dz, "
            "u, v, lens_x, lens_y, lens_tx, lens_ty, lens_u, lens_v]. Received 'lensx'.",
        ),
        (
            ("lens_x",), NAMES, None,
            "model.inputs.features.0: 'lens_x' needs the field of the data, which is not known. "
            "Expected 'field' in the dataset, or data of 'simulate'.",
        ),
        (
            ("tx", "v"), ("tx", "qop"), MAXWELL,
            "model.inputs.features.1: 'v' needs the input column 'ty'. Received ['tx', 'qop'].",
        ),
        (
            ("lens_tx",), NAMES, Magnet(MAXWELL.field_json, None),
            "model.inputs.features.0: 'lens_tx' needs the input column 'z_start'. "
            "Received ['x', 'y', 'tx', 'ty', 'qop', 'dz'].",
        ),
        (
            ("lens_tx",), NAMES, Magnet({"name": "harmonic", "file": "/absent.npz"}, 0.0),
            "dataset.field.file: cannot read the fitted field (No such file or directory). "
            "Expected what fit-field wrote. Received '/absent.npz'.",
        ),
    ],
)  # fmt: skip
def test_what_the_data_cannot_give(features, columns, magnet, text):
    with pytest.raises(UserError) as caught:
        check_features(features, columns, magnet)
    assert str(caught.value) == text


def test_what_the_data_can_give():
    check_features((*NAMES, "u", "v", *LENS), NAMES, MAXWELL)
    check_features(("u", "lens_x"), (*NAMES, "z_start"), Magnet(MAXWELL.field_json, None))
    check_features(("u", "qop"), ("tx", "ty", "qop"), None)
    check_features(("energy",), ("energy",), None)


@pytest.fixture
def build_job(tmp_path):
    """build_job(inputs, transform, field) builds a job on 400 tracks: (data, built)."""
    start, end = states()
    np.savez(tmp_path / "t.npz", X=start, Y=end, Z=np.stack([np.full(400, Z), np.full(400, Z + DZ)], -1))

    def make(inputs, transform="kick", **dataset):
        content = {"name": "track_states", "files": [str(tmp_path / "t.npz")], **dataset}
        model = {"name": "mlp", "hidden": [16], "inputs": inputs}
        task = {"targets": list(STATE), "transform": transform}
        named = {"name": "a", "application": "b", "dataset": content, "model": model, "tasks": {"state": task}}
        job = parse(named)
        source = job.dataset.build([tmp_path / "t.npz"])
        data = Data(source, split(source, job.dataset.options), False, partial(make_batch, tasks=job.tasks))
        keras.utils.set_random_seed(1)
        return data, build(job, data)

    return make


DIPOLE = dict(MAXWELL.field_json)
RK4 = {"name": "kick", "baseline": {"name": "rk4", "steps": 1}, "slopes": "momentum"}


@pytest.mark.parametrize("transform", ["kick", "standardize", RK4], ids=["kick", "standardize", "rk4"])
@pytest.mark.parametrize("features", [None, ["tx", "qop", "lens_x", "lens_v"]], ids=["columns", "features"])
def test_a_network_behind_the_mirror_is_exactly_symmetric(build_job, transform, features):
    """An untrained one: mirrored starts give bitwise mirrored ends, and the three of them differ."""
    _, built = build_job({"mirror": True, "features": features}, transform, field=DIPOLE)
    state, _ = states(200, seed=9)
    found = np.asarray(built.deployed({"state": state})["state"])
    assert np.ptp(found, axis=0).min() > 0
    for flip in (IN_X, IN_Y, IN_X * IN_Y):
        image = np.asarray(built.deployed({"state": state * flip})["state"])
        assert np.array_equal(image, found * flip[:4])


def test_without_the_mirror_it_is_not(build_job):
    _, built = build_job({}, "kick", field=DIPOLE)
    state, _ = states(200, seed=9)
    images = [np.asarray(built.deployed({"state": s})["state"]) for s in (state, state * IN_X)]
    assert np.abs(images[0] * IN_X[:4] - images[1]).max() > 1e-3


def test_features_are_standardised_on_the_training_split(build_job):
    data, built = build_job({"mirror": True, "features": ["tx", "lens_u", "qop"]}, field=DIPOLE)
    events = data.splits.train.events()
    layers = {layer.name: layer for layer in built.network.layers}
    raw = np.asarray(layers["features"](dict(events.inputs)))
    known = built.normalization["inputs"]["features"]
    assert known["columns"] == ["tx", "lens_u", "qop"]
    np.testing.assert_allclose(known["mean"], raw.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(known["std"], raw.std(axis=0), rtol=1e-5)
    values = np.asarray(layers["features_normalized"](raw))
    np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-4)


@pytest.mark.parametrize(
    ("inputs", "transform", "dataset"),
    [
        ({"mirror": True, "features": ["tx", "ty", "qop", "u", "lens_x", "lens_v"]}, RK4, {}),
        ({"mirror": True}, {"name": "kick", "baseline": {"name": "rk4", "steps": 2}}, {"z_start": True}),
        ({"features": ["lens_tx", "qop"]}, {"name": "kick", "baseline": "thin_lens"}, {"z_start": True}),
    ],
    ids=["everything", "z_start", "lens"],
)
def test_a_saved_model_needs_nothing_but_itself(build_job, tmp_path, inputs, transform, dataset):
    data, built = build_job(inputs, transform, field=DIPOLE, **dataset)
    built.deployed.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    events = data.splits.test.events().inputs
    expected = np.asarray(built.deployed(events)["state"])
    assert np.isfinite(expected).all()
    assert np.array_equal(loaded(events)["state"], expected)
    again = tmp_path / "again.keras"
    loaded.save(again)
    assert np.array_equal(keras.saving.load_model(again, compile=False)(events)["state"], expected)


def refused(build_job, *arguments, **dataset):
    with pytest.raises(UserError) as caught:
        build_job(*arguments, **dataset)
    return str(caught.value)


def test_jobs_that_ask_for_what_the_data_have_not(build_job):
    assert "model.inputs.mirror: the field of the data is not known" in refused(build_job, {"mirror": True})
    bent = {"name": "uniform", "bx": 0.1}
    assert "model.inputs.mirror: the field 'uniform' is not symmetric in x" in refused(
        build_job, {"mirror": True}, field=bent
    )
    assert "model.inputs.features.1: unknown feature. Did you mean 'lens_y'" in refused(
        build_job, {"features": ["x", "lens_z"]}, field=DIPOLE
    )
    assert refused(build_job, {}, RK4).startswith("tasks.state.transform.baseline: 'rk4' needs the field of the data")


def test_a_field_without_a_start_plane_serves_the_mirror_only(build_job, tmp_path):
    start, end = states()
    np.savez(tmp_path / "t.npz", X=start, Y=end)
    build_job({"mirror": True}, field=DIPOLE)
    assert "tasks.state.transform: unknown input column that a transform needs" in refused(
        build_job, {}, RK4, field=DIPOLE
    )
    assert "'lens_x' needs the input column 'z_start'" in refused(build_job, {"features": ["lens_x"]}, field=DIPOLE)
    build_job({"features": ["lens_x"]}, RK4, field=DIPOLE, z=[Z, Z + DZ])
