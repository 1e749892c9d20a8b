"""The C++ header of a network: what it gives is what Keras gives, or there is no header."""

from __future__ import annotations

import re
import subprocess

import keras
import numpy as np
import pytest

from app.benchmark.cpp_engine import cpp_engine
from app.config.job_file import parse
from app.core.errors import UserError, WirechamberError
from app.core.files import REPOSITORY
from app.data.loading import first_events, load_data
from app.evaluation.jacobian import reference_jacobian
from app.export import cpp_check, cpp_file
from app.export.cpp_header import make_header, map_bytes, namespace
from app.layers.ensemble_mean import combine_members
from app.physics.harmonic_file import HarmonicFile, SeenRegion
from app.physics.harmonic_modes import HarmonicModes
from app.training.build import build

COMPILER = cpp_check.find_compiler()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
TRACKS = {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}
LENS = ["tx", "ty", "qop", "lens_u", "lens_tx", "lens_ty"]
EVERY = ["x", "y", "tx", "ty", "qop", "u", "v", "lens_x", "lens_y", "lens_v"]
MIRRORED = {"name": "mlp", "hidden": [16], "inputs": {"mirror": True, "features": LENS}}
PLAIN = {"name": "mlp", "hidden": [20, 12]}
KICK = {"name": "kick", "baseline": "thin_lens", "slopes": "momentum"}
DIPOLES = {"field": {"name": "two_dipoles"}}
MAXWELL = {"field": {"name": "gaussian_dipole", "maxwell": True}, "dz": [4000, 6000]}
FAMILIES = {
    **{a: ({}, {**PLAIN, "activation": a}, "kick") for a in ("tanh", "silu", "relu", "elu", "softplus", "sigmoid")},
    "every feature": (MAXWELL, {**PLAIN, "inputs": {"features": EVERY}}, KICK),
    "two dipoles": (DIPOLES, MIRRORED, KICK),
    "uniform": ({"field": {"name": "uniform", "bx": 0.01, "by": -0.4, "bz": 0.1}}, PLAIN, KICK),
    "residual": ({}, PLAIN, "straight_line_residual"),
    "standardize": ({}, PLAIN, "standardize"),
    "rk4": (MAXWELL, PLAIN, {"name": "kick", "baseline": {"name": "rk4", "steps": 2}}),
    "ranges": ({}, {"name": "momentum_ranges", "edges": [10, 20], "network": {"name": "mlp", "hidden": [8]}}, "kick"),
    "pinn": (MAXWELL, {"name": "pinn", "hidden": [16]}, "kick"),
    "pinn soft": ({}, {"name": "pinn", "hidden": [16], "initial_condition": "soft"}, "kick"),
    "rk_pinn": ({}, {"name": "rk_pinn", "hidden": [16]}, "kick"),
    "thin_lens": (DIPOLES, "thin_lens", None),
    "straight_line": ({}, "straight_line", None),
}


def made(monkeypatch, simulated, model, transform, simulate=None, **task):
    """Return job, data and the deployed model with weights of its own: biases begin at 0, and would hide mistakes."""
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    tasks = {"targets": ["x", "y", "tx", "ty"], **({"transform": transform} if transform else {}), **task}
    dataset = {"name": "track_states", "simulate": {**TRACKS, **(simulate or {})}}
    content = {
        "name": "exported",
        "application": "export",
        "dataset": dataset,
        "model": model,
        "tasks": {"state": tasks},
    }
    job = parse(content)
    data = load_data(job)
    return job, data, build_moved(job, data, 1)


def build_moved(job, data, seed):
    keras.utils.set_random_seed(seed)
    deployed = build(job, data).deployed
    rng = np.random.default_rng(seed)
    for weight in deployed.trainable_weights:
        weight.assign(weight + 0.05 * rng.normal(size=weight.shape))
    return deployed


@needs_compiler
def test_a_header_agrees_with_keras_and_a_wrong_one_is_removed(monkeypatch, simulated, tmp_path):
    job, data, deployed = made(monkeypatch, simulated, MIRRORED, KICK)
    run, given = cpp_check.run_header, []

    def recorded(*arguments):
        given.append(run(*arguments))
        return given[-1]

    def changed(*arguments):
        many, one, jacobian = (np.array(part) for part in given[0])
        one[3, 2] += 2e-5 * np.abs(one[:, 2]).max()
        return many, one, jacobian

    monkeypatch.setattr(cpp_check, "run_header", recorded)
    monkeypatch.setattr(cpp_check, "FLAGS", [flag.replace("-O3", "-O1") for flag in cpp_check.FLAGS])  # compiles sooner
    path = cpp_file.export_cpp(job, data, deployed, tmp_path)
    assert path == tmp_path / "exported.hpp"
    assert "#include <" in path.read_text()
    rows = len(given[0][0])
    assert [part.shape for part in given[0]] == [(rows, 4), (rows, 4), (rows, 4, 5)]
    monkeypatch.setattr(cpp_check, "run_header", changed)
    with pytest.raises(
        WirechamberError, match=r"exported\.hpp differs from Keras by 2e-05 of the output's largest value"
    ):
        cpp_file.export_cpp(job, data, deployed, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_a_compiler_the_header_is_written_and_said_to_be_unchecked(monkeypatch, simulated, tmp_path, caplog):
    job, data, deployed = made(monkeypatch, simulated, PLAIN, "kick")
    monkeypatch.setattr(cpp_check, "COMPILERS", ("no_such_compiler",))
    path = cpp_file.export_cpp(job, data, deployed, tmp_path)
    assert path.read_text().startswith("// The network exported of Wirechamber.")
    assert "exported.hpp: not checked, no compiler found (no_such_compiler)" in caplog.text
    with caplog.at_level("INFO"):
        assert cpp_engine(deployed, job.name, data.columns, {"state": job.tasks["state"].targets}) is None
    assert "no C++ header: no compiler found" in caplog.text


@needs_compiler
@pytest.mark.slow
def test_the_example_of_the_documents_runs(monkeypatch, simulated, tmp_path):
    job, data, deployed = made(monkeypatch, simulated, MIRRORED, KICK)
    header = make_header(deployed, "mlp_small", data.columns, {"state": job.tasks["state"].targets})
    (tmp_path / "mlp_small.hpp").write_text(header.text)
    example = re.search(r"```cpp\n(.*?)```", (REPOSITORY / "docs" / "cpp_inference.md").read_text(), re.S)[1]
    cpp_check.compile_program(COMPILER, example, tmp_path / "example", [f"-I{tmp_path}", "-Wall", "-Wextra", "-Werror"])
    printed = subprocess.run([tmp_path / "example"], capture_output=True, text=True, check=True).stdout
    inputs = np.array([[50, -20, -0.1, 0.05, -0.02, 5161]], np.float32)
    expected = np.asarray(deployed({"state": inputs})["state"])[0]
    numbers = [float(word) for word in re.findall(r"-?\d+\.\d+", printed)[:4]]
    assert numbers == pytest.approx(expected, rel=1e-4, abs=1e-3)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_agrees_with_keras(name, monkeypatch, simulated, tmp_path):
    simulate, model, transform = FAMILIES[name]
    job, data, deployed = made(monkeypatch, simulated, model, transform, simulate)
    assert cpp_file.export_cpp(job, data, deployed, tmp_path).exists()


@needs_compiler
@pytest.mark.slow
def test_an_ensemble_gives_its_mean_and_spread(monkeypatch, simulated, tmp_path):
    job, data, first = made(monkeypatch, simulated, PLAIN, "kick")
    model = combine_members({"one": first, "two": build_moved(job, data, 2)}, {"state": "values"})
    path = cpp_file.export_cpp(job, data, model, tmp_path)
    assert "// out: x, y, tx, ty, spread_x, spread_y, spread_tx, spread_ty" in path.read_text()


def write_map(path):
    """Write a field map that is small and varies in all directions."""
    axes = [np.linspace(-600, 600, 5), np.linspace(-600, 600, 6), np.linspace(-3000, 9000, 25)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    by = -np.exp(-(((z - 5000) / 1500) ** 2)) * (1 + 0.1 * (x / 600) ** 2 - 0.2 * (y / 600) ** 2)
    np.savez(
        path, x_mm=axes[0], y_mm=axes[1], z_mm=axes[2], B_T=np.stack([0.02 * by * x / 600, by, 0.1 * y / 600 * by], -1)
    )
    return {"field": {"name": "map", "file": str(path)}, "tx": [-0.02, 0.02], "ty": [-0.02, 0.02], "accuracy": 5.0}


@needs_compiler
@pytest.mark.slow
def test_a_field_map_lies_beside_the_header(monkeypatch, simulated, tmp_path):
    simulate = write_map(tmp_path / "map.npz")
    job, data, deployed = made(monkeypatch, simulated, {**PLAIN, "inputs": {"features": EVERY}}, KICK, simulate)
    path = cpp_file.export_cpp(job, data, deployed, tmp_path / "out")
    assert (tmp_path / "out" / "exported.bin").read_bytes() == map_bytes(data.source.magnet.field)
    assert 'Network network("exported.bin");' in path.read_text()


@needs_compiler
@pytest.mark.slow
def test_a_lens_through_a_fitted_field_is_in_the_header(monkeypatch, simulated, tmp_path):
    modes = HarmonicModes(x=2, z=5, half_x=3000.0, half_z=6000.0, center=5000.0, height=1000.0)
    region = SeenRegion(np.ones((2, 2, 2), bool), np.array([-3000, -2500, 2600.0]), np.array([3000, 2500, 7900.0]))
    w = np.random.default_rng(3).normal(size=modes.shape) * modes.present(False, False) * 0.1
    HarmonicFile(modes, w, region).write(tmp_path / "field.npz")
    simulate = {"field": {"name": "harmonic", "file": str(tmp_path / "field.npz")}}
    job, data, deployed = made(monkeypatch, simulated, {**PLAIN, "inputs": {"features": EVERY}}, KICK, simulate)
    path = cpp_file.export_cpp(job, data, deployed, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["exported.hpp"]
    assert "Harmonic<2, 5, false, false> field{" in path.read_text()


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("simulate", [DIPOLES, MAXWELL])
def test_the_jacobian_of_runge_kutta_is_that_of_finite_differences(simulate, monkeypatch, simulated, tmp_path):
    job, data, deployed = made(monkeypatch, simulated, {"name": "rk4", "steps": 30}, None, simulate)
    header = make_header(deployed, "exported", data.columns, {"state": job.tasks["state"].targets})
    (tmp_path / "exported.hpp").write_text(header.text)
    inputs = first_events(data.splits.validation, 100).inputs["state"]
    *_, jacobian = cpp_check.run_header(COMPILER, header, tmp_path, inputs)
    columns = {name: inputs[:, i].astype(float) for i, name in enumerate(data.columns["state"])}
    expected = reference_jacobian(data.source.magnet, columns)
    size = np.abs(expected).max(axis=0)
    assert (np.abs(jacobian - expected) <= 1e-3 * size + 1e-7).all()


@pytest.mark.parametrize(
    ("model", "transform", "task", "text"),
    [
        ({**PLAIN, "dropout": 0.1}, "standardize", {"loss": "gaussian_nll"}, "the head 'gaussian'"),
        ("polynomial", None, {}, r"the layer \(KickPolynomial\) 'state_physical'"),
        (PLAIN, ["inverse", "standardize"], {}, "the transform 'Inverse'"),
        ({"name": "pinn", "hidden": [4], "derivative": "forward"}, "kick", {}, r"the layer \(NetworkPath\) 'path'"),
        ({"name": "rk4", "precision": "float64"}, None, {}, r"in float64 the layer 'state_physical'"),
    ],
)
def test_what_it_cannot_hold_is_named(model, transform, task, text, monkeypatch, simulated, tmp_path):
    job, data, deployed = made(monkeypatch, simulated, model, transform, **task)
    with pytest.raises(UserError, match=f"a header cannot hold {text}"):
        cpp_file.export_cpp(job, data, deployed, tmp_path)
    assert not list(tmp_path.iterdir())


def test_any_name_of_a_run_is_a_name_of_c():
    assert [namespace(name) for name in ("mlp_small", "2nd-run", "class", "µ 1")] == [
        "mlp_small",
        "run_2nd_run",
        "run_class",
        "run___1",
    ]
