"""Every family of models as ONNX: what onnxruntime says is what Keras says, for any number of events and hits."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.config.job_file import parse
from app.data.loading import first_events, load_data
from app.export.graph import output_names, to_onnx
from app.export.parity import TOLERANCE, compare, open_session
from app.models import MODELS
from app.training.build import build
from datasets.pipeline.arrays import dense

TRACKS = {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}}
SENSORS = {"name": "photon_sensors", "simulate": {"events": 80, "shard_size": 80, "light_sources": 2}}
PLANES = {"name": "plane_images", "simulate": {"events": 80, "shard_size": 80, "kind": "es"}, "sum_ticks": 4}
VOLUMES = {"name": "volume_images", "simulate": {"events": 40, "shard_size": 40}, "sum_ticks": 6}
HITS = {
    "name": "muon_hits",
    "simulate": {"name": "muon_hits", "events": 150, "shard_size": 150, "noise": 10},
    "standardize": True,
    "tracks": True,
}
STATE = {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}
PLAIN = {"targets": ["x", "y", "tx", "ty"]}
BENT = {**PLAIN, "transform": {"name": "kick", "baseline": "straight_line"}}
LENS = ["tx", "ty", "qop", "lens_u", "lens_tx", "lens_ty"]
DIRECTION = {"targets": ["direction_x", "direction_y", "direction_z"], "loss": "von_mises_fisher"}
CURVATURE = {"targets": "q_over_pt", "metrics": ["muon_pt"]}
LIGHT = {
    "energy": {"targets": "energy", "transform": ["log", "standardize"], "loss": "gaussian_nll"},
    "angle": {
        "targets": ["theta", "phi"],
        "transform": [{"name": "circular", "columns": "phi", "period": 360}, "standardize"],
    },
    "n_gamma": {"targets": "n_gamma", "head": {"name": "softmax", "classes": 5}, "loss": "categorical_crossentropy"},
}
SMALL = {"conv_layers": 2, "filters": 4, "dense_units": 8, "dropout": 0.1}

FAMILIES = {
    "mlp gelu": (TRACKS, {"name": "mlp", "hidden": [16], "activation": "gelu"}, STATE),
    "mlp mirrored": (TRACKS, {"name": "mlp", "hidden": [16], "inputs": {"mirror": True, "features": LENS}}, STATE),
    "mlp wide sigma": (TRACKS, {"name": "mlp", "hidden": [16]}, {**PLAIN, "loss": "gaussian_nll"}),
    "mlp rk4": (TRACKS, {"name": "mlp", "hidden": [16]}, {**STATE, "transform": {"name": "kick", "baseline": "rk4"}}),
    "momentum_ranges": (
        TRACKS, {"name": "momentum_ranges", "edges": [10, 20], "network": {"name": "mlp", "hidden": [8]}}, STATE
    ),
    "pinn spectral": (TRACKS, {"name": "pinn", "hidden": [16]}, BENT),
    "pinn forward": (TRACKS, {"name": "pinn", "hidden": [16], "derivative": "forward", "activation": "gelu"}, BENT),
    "pinn gradient_tape": (TRACKS, {"name": "pinn", "hidden": [16], "derivative": "gradient_tape"}, BENT),
    "rk_pinn": (TRACKS, {"name": "rk_pinn", "hidden": [16]}, BENT),
    "polynomial": (TRACKS, "polynomial", PLAIN),
    "rk4": (TRACKS, {"name": "rk4", "steps": 3}, PLAIN),
    "rk4 float64": (TRACKS, {"name": "rk4", "steps": 3, "precision": "float64"}, PLAIN),
    "thin_lens": (TRACKS, "thin_lens", PLAIN),
    "straight_line": (TRACKS, "straight_line", PLAIN),
    "calorimeter_encoder": (SENSORS, {"name": "calorimeter_encoder", "preset": "small"}, LIGHT),
    "flat_mlp": (SENSORS, "flat_mlp", LIGHT),
    "plane_cnn": ({**PLANES, "planes": ["x"]}, {"name": "plane_cnn", **SMALL}, {**DIRECTION, "loss": "angular"}),
    "three_plane_cnn": (PLANES, {"name": "three_plane_cnn", **SMALL, "activation": "gelu"}, DIRECTION),
    "three_plane_attention": (PLANES, {"name": "three_plane_attention", **SMALL}, DIRECTION),
    "residual_cnn": (PLANES, {"name": "residual_cnn", **SMALL}, DIRECTION),
    "volume_cnn": (
        VOLUMES, {"name": "volume_cnn", **SMALL, "stride": [2, 2]}, {"targets": "is_es", "loss": "binary_crossentropy"}
    ),
    "hit_pooling": ({**HITS, "assignment": True}, {"name": "hit_pooling", "encoder": [8], "hidden": [8]}, CURVATURE),
    "hit_pooling blocks": (
        {**HITS, "assignment": True},
        {"name": "hit_pooling", "encoder": [8], "hidden": [8], "blocks": 1, "attention_heads": 2},
        CURVATURE,
    ),
    "deep_sets": (HITS, {"name": "deep_sets", "phi": [8], "rho": [8]}, CURVATURE),
    "hit_transformer": (
        HITS, {"name": "hit_transformer", "embedding": [8], "width": 8, "attention_heads": 2}, CURVATURE
    ),
}  # fmt: skip
QUICK = ("mlp gelu", "polynomial", "deep_sets", "plane_cnn")


def made(name, monkeypatch, simulated, **changes):
    """Return job, data and the deployed model with weights of its own: biases begin at 0, and would hide mistakes."""
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    dataset, model, tasks = FAMILIES[name]
    several = tasks if "targets" not in tasks else {"state" if dataset is TRACKS else "answer": tasks}
    content = {"name": "exported", "application": "export", "dataset": dataset, "model": model, "tasks": several}
    job = parse(content | changes)
    data = load_data(job)
    keras.utils.set_random_seed(1)  # the same weights whichever tests ran before
    deployed = build(job, data).deployed
    rng = np.random.default_rng(5)
    for weight in deployed.trainable_weights:
        weight.assign(weight + 0.05 * rng.normal(size=weight.shape))
    return job, data, deployed


def every_family():
    return [pytest.param(n, id=n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in FAMILIES]


def test_no_family_is_left_out():
    assert {name.split()[0] for name in FAMILIES} == {component.name for component in MODELS}


@pytest.mark.parametrize("name", every_family())
def test_a_family_says_the_same_as_in_keras(name, simulated, monkeypatch):
    _, data, deployed = made(name, monkeypatch, simulated)
    names = output_names(deployed)
    content = to_onnx(deployed, "model").SerializeToString()
    inputs = first_events(data.splits.validation, 1000).inputs
    found = compare(deployed, content, inputs, names)
    assert set(found) == set(names.values())
    assert max(one["max_rel"] for one in found.values()) < TOLERANCE / 10
    session = open_session(content)
    assert {one.name for one in session.get_inputs()} == set(deployed.input)
    for rows in (1, 3):  # dynamic: others than those that it was made or compared with
        cut = {n: np.asarray(dense(inputs[n][:rows]), np.float32) for n in deployed.input}
        if "mask" in cut:
            cut = {n: values[:, :17] for n, values in cut.items()}
        expected = deployed(cut, training=False)
        for output, values in zip(names, session.run(list(names.values()), cut), strict=True):
            whole = np.asarray(expected[output])
            assert values.shape == whole.shape
            np.testing.assert_allclose(values, whole, rtol=1e-4, atol=1e-5 * max(1.0, float(np.abs(whole).max())))
    if name == "pinn spectral":  # ONNX Runtime broadcasts 0 rows of it to 2
        return
    nothing = session.run(list(names.values()), {n: values[:0] for n, values in cut.items()})
    assert [len(values) for values in nothing] == [0] * len(names)


@pytest.mark.slow
def test_numbers_of_any_size_say_the_same_as_in_keras(simulated, monkeypatch):
    """Where one of them is not finite, the other is not: from numbers of no track to the edges of float32."""
    _, _, deployed = made("mlp gelu", monkeypatch, simulated)
    session = open_session(to_onnx(deployed, "model").SerializeToString())
    rng = np.random.default_rng(1)
    size = 10.0 ** rng.uniform(-38, 38, (3000, 6)) * rng.choice([-1, 1, 0], (3000, 6), p=[0.45, 0.45, 0.1])
    (name,) = deployed.input
    inputs = {name: np.concatenate([size, np.where(rng.random(size.shape) < 0.2, size, 1.0)]).astype(np.float32)}
    inputs[name][::7, 0], inputs[name][::11, 3] = np.nan, np.inf
    with np.errstate(all="ignore"):
        expected = deployed(inputs, training=False)
    ((output, called),) = output_names(deployed).items()
    whole, found = np.asarray(expected[output]), session.run([called], inputs)[0]
    finite = np.isfinite(whole)
    assert np.array_equal(np.isfinite(found), finite)
    assert finite.any()
    scale = np.where(finite, np.abs(whole), 1.0).max(axis=1, keepdims=True)  # large terms cancel in small outputs
    room = np.broadcast_to(1e-4 * scale + 1e-3, whole.shape)[finite]
    assert (np.abs(found[finite] - whole[finite]) <= room).all()


def test_padding_says_nothing(simulated, monkeypatch):
    """The same hits with more padding behind them give the same answer."""
    _, data, deployed = made("deep_sets", monkeypatch, simulated)
    session = open_session(to_onnx(deployed, "model").SerializeToString())
    inputs = first_events(data.splits.validation, 4).inputs
    cut = {n: np.asarray(dense(inputs[n]), np.float32) for n in deployed.input}
    wide = {n: np.pad(v, [(0, 0), (0, 23)] + [(0, 0)] * (v.ndim - 2)) for n, v in cut.items()}
    assert session.run(["answer"], wide)[0] == pytest.approx(session.run(["answer"], cut)[0], rel=1e-5)


@pytest.mark.slow
def test_a_field_map_is_inside_the_file(simulated, monkeypatch, tmp_path):
    """Tables that a field looks up are constants of the graph, not inputs of it."""
    axes = [np.linspace(-600, 600, 5), np.linspace(-600, 600, 5), np.linspace(-3000, 9000, 25)]
    shape = [len(axis) for axis in axes]
    field = np.stack(
        [np.zeros(shape), np.broadcast_to(np.exp(-(((axes[2] - 5000) / 1000) ** 2)), shape), np.zeros(shape)]
    )
    np.savez(tmp_path / "map.npz", x_mm=axes[0], y_mm=axes[1], z_mm=axes[2], B_T=np.moveaxis(field, 0, -1))
    simulate = {"tracks": 300, "momentum": [5, 100], "accuracy": 5.0, "tx": [-0.02, 0.02], "ty": [-0.02, 0.02]}
    simulate["field"] = {"name": "map", "file": str(tmp_path / "map.npz")}
    for transform in (
        {"name": "kick", "baseline": "thin_lens"},
        {"name": "kick", "baseline": {"name": "rk4", "steps": 2}},
    ):
        tasks = {"state": {**STATE, "transform": transform}}
        dataset = {"name": "track_states", "simulate": simulate}
        _, data, deployed = made("mlp gelu", monkeypatch, simulated, dataset=dataset, tasks=tasks)
        proto = to_onnx(deployed, "model")
        assert [one.name for one in proto.graph.input] == ["state"]
        inputs = first_events(data.splits.validation, 100).inputs
        found = compare(deployed, proto.SerializeToString(), inputs, output_names(deployed))
        assert found["predicted_state"]["max_rel"] < 1e-5


@pytest.mark.slow
def test_an_ensemble_with_its_spread(simulated, monkeypatch):
    from app.layers.ensemble_mean import combine_members

    job, data, first = made("flat_mlp", monkeypatch, simulated)
    second = build(replace_seed(job), data).deployed
    model = combine_members({"one": first, "two": second}, {"energy": "log", "angle": "circular", "n_gamma": "values"})
    found = compare(model, to_onnx(model, "model").SerializeToString(),
                    first_events(data.splits.validation, 100).inputs, output_names(model))  # fmt: skip
    assert {"energy_sigma", "energy_spread", "n_gamma_spread", "n_gamma_probability"} <= set(found)
    assert max(one["max_rel"] for one in found.values()) < TOLERANCE


def replace_seed(job):
    return parse({**job.dump(), "seed": 7})
