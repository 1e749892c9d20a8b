"""The transport Jacobian: the reference against closed forms, models against the reference, and what is refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.special import erf

from app.core.errors import UserError, WirechamberError
from app.evaluation.jacobian import (
    INPUTS,
    OUTPUTS,
    STEP_SIZES,
    by_momentum,
    check_states,
    compare_jacobians,
    measure_jacobian,
    reference_jacobian,
    straight_line_jacobian,
    task_jacobian,
    transport_jacobian,
)
from app.layers.features import Features
from app.layers.physical_outputs import Physical
from app.physics.magnet import Magnet
from app.physics.units import LIGHT_SPEED

Z, DZ = 2665.0, 5161.0
COLUMNS = {"state": ["x", "y", "tx", "ty", "qop", "dz"]}
TARGETS = {"state": list(OUTPUTS)}
GAUSSIAN = Magnet({"name": "gaussian_dipole"}, Z)
DIPOLES = Magnet({"name": "two_dipoles"}, Z)
ZERO = {"mean": [0.0] * 4, "std": [1.0] * 4}


def tracks(rows=100, seed=1, dz=DZ):
    """Start columns in the precision of a file, as float64."""
    random = np.random.default_rng(seed)
    state = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (rows, 4))
    qop = random.choice([-1.0, 1.0], rows) / np.exp(random.uniform(*np.log([2.0, 100.0]), rows))
    columns = np.column_stack([state, qop, np.full(rows, dz)]).astype(np.float32).astype(np.float64)
    return dict(zip(COLUMNS["state"], columns.T, strict=True))


def tensor(columns):
    return np.stack([columns[n] for n in COLUMNS["state"]], axis=1).astype(np.float32)


def by_complex_step(end, columns):
    """d end / d start of a formula, to the last bit: f(s + ih) = f(s) + ih f'(s) has no difference to round."""
    start = np.stack([columns[n] for n in INPUTS]).astype(np.complex128)
    out = []
    for row in range(5):
        moved = start.copy()
        moved[row] += 1e-30j
        out.append(np.stack(end(*moved)).imag / 1e-30)
    return np.moveaxis(np.array(out), (0, 1, 2), (2, 1, 0))


def in_uniform_by(by, dz):
    """The end of a track in a constant By: u = tx/N is linear in z, v = ty/N constant, x and y their integrals."""

    def end(x, y, tx, ty, qop):
        n = np.sqrt(1 + tx**2 + ty**2)
        u, v, kappa = tx / n, ty / n, -LIGHT_SPEED * qop * by
        u_end, s = u + kappa * dz, np.sqrt(1 - v**2)
        w, w_end = np.sqrt(s**2 - u**2), np.sqrt(s**2 - u_end**2)
        turned = np.arcsin(u_end / s) - np.arcsin(u / s)
        return x + (w - w_end) / kappa, y + v / kappa * turned, u_end / w_end, v / w_end

    return end


def in_gaussian(field, z, dz, nodes=60):
    """The end of a track in By(z): the exact kick, positions by Gauss-Legendre quadrature."""
    root = np.sqrt(2) * field.sigma

    def end(x, y, tx, ty, qop):
        n = np.sqrt(1 + tx**2 + ty**2)

        def slopes(place):
            integral = erf((place - field.center) / root) - erf((z - field.center) / root)
            u = tx / n - LIGHT_SPEED * qop * field.peak * field.sigma * np.sqrt(np.pi / 2) * integral
            w = np.sqrt(1 - u**2 - (ty / n) ** 2)
            return u / w, ty / n / w

        points, weights = np.polynomial.legendre.leggauss(nodes)
        way = [np.array(slopes(z + dz * (p + 1) / 2)) * k * dz / 2 for p, k in zip(points, weights, strict=True)]
        return (x + sum(s[0] for s in way), y + sum(s[1] for s in way), *slopes(z + dz))

    return end


def worst(found, reference, columns):
    return np.max(compare_jacobians(found, reference, columns["dz"])["relative_error"])


def test_without_a_field_the_reference_is_the_straight_line():
    columns = tracks()
    found = reference_jacobian(Magnet({"name": "uniform", "by": 0.0}, Z), columns, steps=3)
    line = straight_line_jacobian(columns["dz"])
    assert line[0].tolist() == [[1, 0, DZ, 0, 0], [0, 1, 0, DZ, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    np.testing.assert_allclose(found, line, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("by", [-1.0, 0.3])
def test_in_a_uniform_field_the_reference_is_that_of_the_helix(by):
    columns = tracks(dz=3000.0)
    exact = by_complex_step(in_uniform_by(by, 3000.0), columns)
    found = reference_jacobian(Magnet({"name": "uniform", "by": by}, Z), columns)
    assert worst(found, exact, columns) < 1e-7


def test_in_a_gaussian_dipole_the_reference_is_that_of_the_exact_kick():
    columns = tracks()
    exact = by_complex_step(in_gaussian(GAUSSIAN.field, Z, DZ), columns)
    assert worst(reference_jacobian(GAUSSIAN, columns), exact, columns) < 1e-7


@pytest.mark.parametrize("column", ["tx", "ty", "qop"])
def test_the_error_falls_with_the_square_of_the_step_size(column):
    """Down to the step that is used there is no rounding to be seen: a tenth of a step leaves a hundredth."""
    columns = tracks()
    exact = by_complex_step(in_gaussian(GAUSSIAN.field, Z, DZ), columns)[:, :, INPUTS.index(column)]
    errors = [
        np.abs(reference_jacobian(GAUSSIAN, columns, scale=scale)[:, :, INPUTS.index(column)] - exact).max()
        for scale in (1000.0, 100.0, 10.0)
    ]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 100, rtol=0.2)
    assert STEP_SIZES[column] == 2e-5


def test_positions_act_where_the_field_depends_on_them():
    """Of two dipoles; there is no closed form, but half and double the steps agree."""
    columns = tracks()
    found = reference_jacobian(DIPOLES, columns)
    line = straight_line_jacobian(columns["dz"])
    assert np.abs(found - line)[:, 0, 0].max() > 1e-3
    for steps, scale in ((100, 1.0), (200, 3.0), (400, 0.3)):
        assert worst(reference_jacobian(DIPOLES, columns, steps, scale), found, columns) < 2e-6


def test_there_and_back_is_the_unit_matrix():
    columns = tracks(20)
    there = reference_jacobian(DIPOLES, columns)
    from app.physics.propagation import Propagator

    start = np.stack([columns[n] for n in OUTPUTS], axis=1)
    end = Propagator(DIPOLES.field)(start, columns["qop"], Z, DZ, 200).state
    back = dict(zip(OUTPUTS, end.T, strict=True)) | {"qop": columns["qop"], "dz": -columns["dz"]}
    home = reference_jacobian(Magnet(DIPOLES.field_json, Z + DZ), back)
    whole = np.concatenate([there, np.tile(np.eye(5)[4], (20, 1, 1))], axis=1)
    np.testing.assert_allclose(home @ whole, np.tile(np.eye(5)[:4], (20, 1, 1)), atol=1e-4)


def test_z_start_may_be_a_column():
    columns = tracks(10)
    varying = columns | {"z_start": np.full(10, Z)}
    found = reference_jacobian(Magnet(GAUSSIAN.field_json, None), varying)
    np.testing.assert_allclose(found, reference_jacobian(GAUSSIAN, columns), rtol=1e-9, atol=1e-9)


def silent(transform, magnet, mirror=False, columns=COLUMNS, constants=ZERO):
    """A deployed model whose network says nothing: what is left is its transform."""
    inputs = {"state": keras.Input((len(columns["state"]),), name="state")}
    names = ("tx", "ty", "qop", "lens_x")
    seen = Features(columns, names, mirror, magnet.config())(inputs)
    output = keras.layers.Dense(4, kernel_initializer="zeros")(seen)
    layer = Physical(TARGETS["state"], [transform], columns, [{}, constants], magnet.config(), mirror)
    return keras.Model(inputs, {"state": layer({"output": output, "inputs": inputs})["value"]})


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("slopes", ["plain", "momentum"])
@pytest.mark.parametrize("mirror", [False, True], ids=["", "mirror"])
def test_a_silent_network_on_runge_kutta_has_its_jacobian(steps, slopes, mirror):
    columns = tracks()
    model = silent({"name": "kick", "baseline": {"name": "rk4", "steps": steps}, "slopes": slopes}, DIPOLES, mirror)
    found = transport_jacobian(model, {"state": tensor(columns)}, COLUMNS, TARGETS)
    assert found.shape == (100, 4, 5)
    same = reference_jacobian(DIPOLES, columns, steps=steps)
    assert worst(found, same, columns) < 1e-5
    exact = compare_jacobians(found, reference_jacobian(DIPOLES, columns), columns["dz"])["relative_error"]
    assert (np.max(exact) < 1e-3) == (steps == 5)  # few steps are not the track itself


def test_through_a_field_map_as_well(tmp_path):
    """Trilinear, with kinks at the borders of its cells, that automatic differentiation follows."""
    x, z = np.linspace(-4000, 4000, 9), np.linspace(2000, 8500, 66)
    values = np.stack(np.broadcast_arrays(*DIPOLES.field(x[:, None, None], x[:, None] / 4, z)), axis=-1)
    np.savez(tmp_path / "map.npz", x_mm=x, y_mm=x / 4, z_mm=z, B_T=values)
    magnet, columns = Magnet({"name": "map", "file": str(tmp_path / "map.npz")}, Z), tracks()
    model = silent({"name": "kick", "baseline": {"name": "rk4", "steps": 2}}, magnet)
    found = transport_jacobian(model, {"state": tensor(columns)}, COLUMNS, TARGETS)
    same = reference_jacobian(magnet, columns, steps=2)
    np.testing.assert_allclose(found[:, :, 4], same[:, :, 4], rtol=1e-4, atol=1e-4)
    close = np.abs(found - same) < 1e-4 * np.abs(same).max(axis=0)
    assert close.all(axis=(1, 2)).mean() > 0.97  # a difference may reach over a kink


def test_a_silent_network_on_the_straight_line():
    columns = tracks()
    model = silent({"name": "straight_line_residual"}, GAUSSIAN)
    found = transport_jacobian(model, {"state": tensor(columns)}, COLUMNS, TARGETS)
    np.testing.assert_allclose(found, straight_line_jacobian(columns["dz"]), rtol=1e-6)
    content = compare_jacobians(found, reference_jacobian(GAUSSIAN, columns), columns["dz"])
    for values, ofs in zip(content["relative_error"], content["of"], strict=True):
        assert ofs == ["line", "line", "field", "field", "field"]  # a field By(z) knows no position
        assert values == pytest.approx([0, 0, 1, 1, 1], abs=1e-5)


def test_a_kick_that_is_a_constant_by_hand():
    """x = x0 + tx dz + (q/p) k: d/d(q/p) is k and nothing else differs from the line."""
    columns = tracks()
    model = silent({"name": "kick"}, GAUSSIAN, constants={"mean": [2300.0, 0.0, 0.9, -0.1], "std": [1.0] * 4})
    found = transport_jacobian(model, {"state": tensor(columns)}, COLUMNS, TARGETS)
    line = straight_line_jacobian(columns["dz"])
    np.testing.assert_allclose(found[:, :, 4], np.tile([2300.0, 0.0, 0.9, -0.1], (100, 1)), rtol=1e-6)
    np.testing.assert_allclose(found[:, :, :4], line[:, :, :4], rtol=1e-6)


def test_of_a_network_it_is_the_derivative_of_its_predictions():
    """Two inputs, tasks in another order, targets apart: compared with finite differences of the model in float64."""
    keras.utils.set_random_seed(1)
    names = {"first": ["ty", "dz", "x"], "second": ["qop", "y", "tx"]}
    inputs = {name: keras.Input((3,), name=name, dtype="float64") for name in names}
    layers = [
        keras.layers.Rescaling([1 / 0.2, 1e-4, 1 / 300], dtype="float64")(inputs["first"]),
        keras.layers.Rescaling([5.0, 1 / 300, 1 / 0.2], dtype="float64")(inputs["second"]),
    ]
    hidden = keras.layers.Dense(16, "tanh", dtype="float64")(keras.layers.Concatenate(dtype="float64")(layers))
    outputs = {
        "slope": keras.layers.Dense(2, dtype="float64")(hidden),
        "x": keras.layers.Dense(1, dtype="float64")(hidden),
    }
    outputs["y"] = keras.layers.Dense(1, dtype="float64")(hidden)
    model = keras.Model(inputs, outputs)
    targets = {"slope": ["ty", "tx"], "x": ["x"], "y": ["y"]}
    columns = tracks(20)

    def given(known):
        return {n: np.stack([known[c] for c in cs], axis=1) for n, cs in names.items()}

    def end(known):
        found = {task: np.asarray(values) for task, values in model(given(known)).items()}
        places = {t: found[task][:, i] for task, ts in targets.items() for i, t in enumerate(ts)}
        return np.stack([places[t] for t in OUTPUTS], axis=1)

    found = transport_jacobian(model, given(columns), names, targets)
    for i, name in enumerate(INPUTS):
        step = STEP_SIZES[name]
        ahead, behind = (end(columns | {name: columns[name] + s}) for s in (step, -step))
        np.testing.assert_allclose(found[:, :, i], (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-9)


def test_the_figures_by_hand():
    """Errors of 1 % of the field's effect; where the field does nothing, of 1, dz and 1/dz."""
    line = straight_line_jacobian(np.full(2, 1000.0))
    effect = np.array([[0, 0, 50, 0, 400], [0, 0, 0, 0, 300], [0, 0, 0.1, 0, 0.9], [0, 0, 0, 0, 1e-4]])
    reference = line + effect * np.array([1.0, -1.0])[:, None, None]
    size = np.array(
        [[1, 1, 50, 1000, 400], [1, 1, 1000, 1000, 300], [1e-3, 1e-3, 0.1, 1, 0.9], [1e-3, 1e-3, 1, 1, 0.9]]
    )
    found = reference + 0.01 * size * np.array([1.0, -1.0])[:, None, None]
    content = compare_jacobians(found, reference, np.full(2, 1000.0))
    np.testing.assert_allclose(content["relative_error"], 0.01, rtol=1e-6)
    of = np.array(content["of"])
    assert np.argwhere(of == "field").tolist() == [[0, 2], [0, 4], [1, 4], [2, 2], [2, 4]]  # 1e-4 of 0.9 is too little
    np.testing.assert_allclose(content["rms_error"], 0.01 * size, rtol=1e-6)
    np.testing.assert_allclose(content["median_error"], 0.01 * size, rtol=1e-6)
    np.testing.assert_allclose(content["rms_field"], effect)
    np.testing.assert_allclose(content["rms_reference"], np.hypot(line[0], effect))


def test_figures_by_momentum():
    columns = tracks(200)
    reference = reference_jacobian(GAUSSIAN, columns)
    line = straight_line_jacobian(columns["dz"])
    bins = by_momentum(line, reference, columns)
    assert [(one["low"], one["high"]) for one in bins] == [(2, 5), (5, 10), (10, 20), (20, 50), (50, 100)]
    assert sum(one["rows"] for one in bins) == 200
    for one in bins:
        np.testing.assert_allclose(np.array(one["relative_error"])[:, 2:], 1, rtol=1e-6)


def test_the_content_of_the_file():
    columns = tracks()
    model = silent({"name": "kick", "baseline": {"name": "rk4", "steps": 2}}, GAUSSIAN)
    content = measure_jacobian(model, GAUSSIAN, {"state": tensor(columns)}, COLUMNS, TARGETS)
    assert (content["rows"], content["outputs"], content["inputs"]) == (100, list(OUTPUTS), list(INPUTS))
    assert content["units"] == {"x": "mm", "y": "mm", "tx": "1", "ty": "1", "qop": "1/GeV"}
    assert content["reference"]["steps"] == 200
    assert 1e-10 < np.max(content["reference"]["uncertainty"]) < 1e-7
    assert 1e-3 < np.max(content["relative_error"]) < 1e-1
    told = task_jacobian(content, ["tx", "x"])
    assert list(told["relative_error"]) == ["x", "tx"]
    assert told["relative_error"]["tx"]["qop"] == content["relative_error"][2][4]


def refused(magnet, columns=COLUMNS, targets=TARGETS):
    with pytest.raises(UserError) as caught:
        check_states(magnet, columns, targets)
    return str(caught.value)


def test_what_has_no_jacobian():
    assert check_states(GAUSSIAN, COLUMNS, TARGETS) is GAUSSIAN
    assert refused(None) == (
        "--jacobian: the field of the data is not known, so there is no Jacobian to compare with. "
        "Expected 'field' in the dataset, or data of 'simulate'."
    )
    assert refused(GAUSSIAN, {"state": ["x", "y", "tx", "ty", "dz"]}) == (
        "--jacobian: a transport Jacobian needs the input column 'qop', which the model lacks. Expected a model with "
        "the input columns x, y, tx, ty, qop, dz. Received ['x', 'y', 'tx', 'ty', 'dz']."
    )
    assert refused(GAUSSIAN, targets={"a": ["x", "y"], "b": ["tx"]}) == (
        "--jacobian: a transport Jacobian needs the target 'ty', which the model lacks. Expected a model with "
        "the targets x, y, tx, ty. Received ['x', 'y', 'tx']."
    )
    nowhere = Magnet(GAUSSIAN.field_json, None)
    assert "where the tracks begin is not known" in refused(nowhere)
    assert check_states(nowhere, {"state": [*COLUMNS["state"], "z_start"]}, TARGETS) is nowhere


def test_what_is_not_finite_is_an_error():
    columns = tracks(10)
    columns["qop"][3] = np.nan
    with pytest.raises(WirechamberError, match="The Jacobian is not finite for 1 of 10 tracks"):
        reference_jacobian(GAUSSIAN, columns, steps=2)
