"""Unit vectors and angles: there and back, at the wrap, among other steps and compiled."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from app.layers.physical_outputs import make_chain
from datasets.transforms import TRANSFORMS
from datasets.transforms.scaling import Standardize

DEGREES = {"name": "circular", "period": 360.0}
ONLY_PHI = {**DEGREES, "columns": "phi"}
AROUND = {**DEGREES, "start": 0.0}


def angles(low=-180.0, high=180.0, rows=400):
    """Angles (rows, 1) [deg], both ends of the range among them, float32."""
    values = np.random.default_rng(1).uniform(low, high, (rows, 1))
    values[:2, 0] = low, np.nextafter(np.float32(high), np.float32(low))
    return values.astype(np.float32)


def chain_of(*specs, targets=("phi",)):
    return make_chain([{"name": s} if isinstance(s, str) else s for s in specs], targets)


def wrapped(delta):
    return (np.asarray(delta, np.float64) + 180) % 360 - 180


def compiled(chain, output):
    return tf.function(lambda values: chain.inverse(values, {}), jit_compile=True)(tf.constant(output))


def test_an_angle_becomes_its_point_on_the_circle():
    phi = np.array([[0.0], [90.0], [-90.0], [60.0]], np.float32)
    expected = [[1, 0], [0, 1], [0, -1], [0.5, np.sqrt(0.75)]]
    found = chain_of(DEGREES).forward(phi, {})
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert found.dtype == np.float32
    assert chain_of(DEGREES).outputs == ("cos_phi", "sin_phi")


@pytest.mark.parametrize(("spec", "low"), [(DEGREES, -180.0), (AROUND, 0.0), ({**DEGREES, "start": -90.0}, -90.0)])
def test_there_and_back_also_at_the_wrap(spec, low):
    phi, chain = angles(low, low + 360), chain_of(spec)
    chain.fit([(phi, {})])
    output = np.asarray(chain.forward(phi, {}))
    for way in (chain.inverse(output, {}), compiled(chain, output)):
        back = np.asarray(way, np.float64)
        np.testing.assert_allclose(wrapped(back - phi), 0, atol=1e-4)  # float32 keeps 360 to 3e-5
        assert (back >= low - 1e-4).all()
        assert (back <= low + 360 + 1e-4).all()
        np.testing.assert_allclose(back[2:], phi[2:], atol=1e-4)  # the very angle away from the ends


def test_radians_are_the_default():
    phi = np.linspace(-3.14, 3.14, 50, dtype=np.float32)[:, None]
    chain = chain_of("circular")
    np.testing.assert_allclose(chain.forward(phi, {}), np.concatenate([np.cos(phi), np.sin(phi)], 1), atol=1e-6)
    np.testing.assert_allclose(chain.inverse(chain.forward(phi, {}), {}), phi, atol=1e-6)


def test_neighbours_across_the_wrap_are_near():
    """What it is for: -179.9 and 179.9 degrees are 0.2 degrees apart, and their mean is 180."""
    chain = chain_of(DEGREES)
    points = np.asarray(chain.forward(np.array([[-179.9], [179.9]]), {}))
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(np.radians(0.2), rel=1e-4)
    between = np.asarray(chain.inverse(points.mean(axis=0, keepdims=True), {}))
    assert wrapped(between - 180) == pytest.approx(0, abs=1e-9)


def test_only_the_length_of_an_output_does_not_matter():
    chain, phi = chain_of(DEGREES), angles()
    output = np.asarray(chain.forward(phi, {}))
    for length in (1e-18, 0.1, 7.0, 1e18):
        np.testing.assert_allclose(wrapped(chain.inverse(np.float32(length) * output, {}) - phi), 0, atol=1e-4)


def test_some_of_the_targets_and_the_steps_behind_see_the_new_names():
    """theta keeps its place, phi becomes two columns, and standardize finds three."""
    rng = np.random.default_rng(1)
    target = np.stack([rng.uniform(60, 120, 300), rng.uniform(-180, 180, 300)], 1).astype(np.float32)
    chain = chain_of(ONLY_PHI, "standardize", targets=("theta", "phi"))
    assert chain.outputs == ("theta", "cos_phi", "sin_phi")
    chain.fit([(target[:100], {}), (target[100:], {})])
    output = np.asarray(chain.forward(target, {}))
    assert output.shape == (300, 3)
    np.testing.assert_allclose(output.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(output.std(axis=0), 1, rtol=1e-4)
    (constants,) = [step.constants for step in chain.steps if isinstance(step, Standardize)]
    assert constants["mean"][0] == pytest.approx(target[:, 0].mean(), rel=1e-5)
    for back in (chain.inverse(output, {}), compiled(chain, output)):
        np.testing.assert_allclose(back, target, atol=2e-4)
    with pytest.raises(
        UserError,
        match=r"transform.columns: unknown target. Did you mean 'sin_phi'\? Expected one of \[theta, cos_phi, sin_phi",
    ):
        chain_of(ONLY_PHI, ONLY_PHI, targets=("theta", "phi"))


def test_an_angle_outside_of_its_period_is_refused_and_told_why():
    """It would come back as another number: degrees taken for rad, or 0 to 360 for -180 to 180."""
    with pytest.raises(UserError) as caught:
        chain_of(DEGREES).fit([(np.array([[0.0], [359.0]], np.float32), {})])
    assert str(caught.value) == (
        "transform: Circular: not finite for 1 of 2 events. Expected angles from -180 to 180 (else see 'period' and "
        "'start'). Received [359.0]."
    )
    with pytest.raises(UserError, match=r"Expected angles from -3\.14159 to 3\.14159"):
        chain_of("circular").fit([(angles(), {})])
    with pytest.raises(
        UserError, match=r"transform.start: no lower end of a period. Expected a number from -180 to 180"
    ):
        chain_of({**DEGREES, "start": 270.0})


def test_no_gradient_is_infinite_and_a_point_at_the_centre_has_an_angle():
    chain = chain_of(DEGREES)
    output = tf.constant([[0.0, 0.0], [-1.0, 0.0], [1e-20, 0.0], [0.3, -0.4]])
    with tf.GradientTape() as tape:
        tape.watch(output)
        angle = chain.inverse(output, {})
    assert float(angle[0, 0]) == 0
    np.testing.assert_allclose(angle[3:], np.degrees([[np.arctan2(-0.4, 0.3)]]), rtol=1e-6)
    gradient = tape.gradient(angle, output).numpy()
    assert np.isfinite(gradient[[0, 1, 3]]).all()
    np.testing.assert_allclose(gradient[3], np.degrees([0.4, 0.3]) / 0.25, rtol=1e-5)


@pytest.mark.parametrize("as_tensor", [False, True])
def test_unit_vectors_there_and_back(as_tensor):
    """Truth of any length becomes a direction; an output of any length is one."""
    names = ("direction_x", "direction_y", "direction_z")
    chain = chain_of("unit_vector", targets=names)
    assert chain.outputs == names
    vectors = np.random.default_rng(1).normal(size=(100, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for length in (1e-30, 1.0, 1e30):
        given = np.float32(length) * vectors
        if as_tensor:
            given = tf.constant(given)
        np.testing.assert_allclose(chain.forward(given, {}), vectors, atol=1e-6)
        np.testing.assert_allclose(chain.inverse(given, {}), vectors, atol=1e-6)
        np.testing.assert_allclose(compiled(chain, given), vectors, atol=1e-6)


def test_a_vector_of_length_0():
    """As truth it is refused; as an output it stays 0 with a finite gradient, whatever a network begins with."""
    chain = chain_of("unit_vector", targets=("x", "y", "z"))
    with pytest.raises(
        UserError, match=r"UnitVector: not finite for 1 of 2 events. Expected vectors of a length above"
    ):
        chain.fit([(np.array([[1, 0, 0], [0, 0, 0]], np.float32), {})])
    output = tf.zeros((1, 3))
    with tf.GradientTape() as tape:
        tape.watch(output)
        vector = chain.inverse(output, {})
    np.testing.assert_array_equal(vector, np.zeros((1, 3)))
    assert np.isfinite(tape.gradient(vector, output)).all()
    with pytest.raises(UserError, match="transform: one number is not a direction"):
        TRANSFORMS.parse("unit_vector").build(("theta",), None)


def test_a_saved_layer_gives_the_same_angles():
    from app.layers.physical_outputs import Physical

    settings = {"targets": ["theta", "phi"], "transforms": [ONLY_PHI], "columns": {}, "constants": [{}]}
    layer = Physical(**settings)
    again = Physical.from_config(layer.get_config())
    output = np.array([[80.0, 0.0, -2.0], [90.0, -1.0, 1.0]], np.float32)
    for one in (layer, again):
        found = one({"output": keras.ops.convert_to_tensor(output), "inputs": {}})
        np.testing.assert_allclose(found["value"], [[80, -90], [90, 135]], rtol=1e-6)
