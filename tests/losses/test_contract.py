"""What every registered loss must do; a loss added later is tested here by itself."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from losses import LOSSES


def example(component):
    """Return an acceptable (y_true, y_pred) of 6 events."""
    rng = np.random.default_rng(1)
    make = component.facts.example or (lambda rng: tuple(rng.normal(size=(2, 6, 4))))
    return tuple(np.asarray(array, np.float32) for array in make(rng))


def of_name(component):
    return component.name


every_loss = pytest.mark.parametrize("component", list(LOSSES), ids=of_name)
of_residuals = pytest.mark.parametrize("component", [c for c in LOSSES if c.facts.example is None], ids=of_name)
other_forms = pytest.mark.parametrize("component", [c for c in LOSSES if c.facts.example is not None], ids=of_name)
derived = pytest.mark.parametrize("component", [c for c in LOSSES if not c.facts.surrogate], ids=of_name)


def differentiate(call, y_true, y_pred):
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        values = call(y_true, y_pred)
    return values, tape.gradient(values, y_pred)


def value_and_gradient(call, y_true, y_pred):
    return [found.numpy() for found in differentiate(call, *map(tf.convert_to_tensor, (y_true, y_pred)))]


@pytest.fixture(scope="module")
def compiled():
    """Return (values, gradients) of every loss by XLA, as one program: each alone takes twice as long."""
    examples = {component.name: example(component) for component in LOSSES}

    @tf.function(jit_compile=True)
    def differentiate_all(pairs):
        return {component.name: differentiate(component.call, *pairs[component.name]) for component in LOSSES}

    return differentiate_all({name: tuple(map(tf.convert_to_tensor, pair)) for name, pair in examples.items()})


@every_loss
def test_gives_one_finite_value_per_event(component):
    y_true, y_pred = example(component)
    values = keras.ops.convert_to_numpy(component.call(y_true, y_pred))
    assert values.shape == (6,)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


@every_loss
def test_an_event_does_not_see_the_others(component):
    y_true, y_pred = example(component)
    whole = component.call(y_true, y_pred)
    alone = [component.call(y_true[i : i + 1], y_pred[i : i + 1])[0] for i in range(6)]
    np.testing.assert_allclose(whole, alone, rtol=1e-6, atol=1e-7)


@derived
def test_the_gradient_is_the_numerical_derivative(component):
    """Unless the loss says that its gradient is another by design; then its own test compares it with a formula."""
    y_true, y_pred = (array.astype(np.float64) for array in example(component))
    _, gradient = value_and_gradient(component.call, y_true, y_pred)
    numerical = np.zeros_like(y_pred)
    for column, step in enumerate(1e-5 * np.eye(y_pred.shape[1])):  # in all events, which do not see each other
        up, down = (np.asarray(component.call(y_true, y_pred + sign * step)) for sign in (1, -1))
        numerical[:, column] = (up - down) / 2e-5
    np.testing.assert_allclose(gradient, numerical, rtol=1e-5, atol=1e-8)


@every_loss
def test_xla_gives_the_same_values_and_gradients(component, compiled):
    eagerly = value_and_gradient(component.call, *example(component))
    for eager, xla in zip(eagerly, compiled[component.name], strict=True):
        np.testing.assert_allclose(xla, eager, rtol=1e-5, atol=1e-6)


@every_loss
def test_half_precision_is_computed_in_single(component):
    y_true, y_pred = example(component)
    half = y_pred.astype(np.float16)
    values = component.call(y_true, tf.constant(half))
    assert values.dtype == tf.float32
    np.testing.assert_allclose(values, component.call(y_true, half.astype(np.float32)), rtol=1e-6)


@every_loss
def test_works_inside_fit_with_sample_weights(component):
    """A weight of zero removes an event from what Keras minimises."""
    y_true, y_pred = example(component)
    weight = np.array([1, 0, 2, 0, 0, 1], np.float32)

    class Mean(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return component.call(y_true, y_pred)

    expected = np.sum(weight * component.call(y_true, y_pred)) / 6
    assert float(Mean()(y_true, y_pred, sample_weight=weight)) == pytest.approx(float(expected), rel=1e-5)


@of_residuals
def test_is_zero_with_zero_gradient_at_a_perfect_prediction(component):
    y = np.linspace(-3, 3, 8, dtype=np.float32).reshape(2, 4)
    values, gradient = value_and_gradient(component.call, y, y)
    np.testing.assert_array_equal(values, 0)
    np.testing.assert_array_equal(gradient, 0)


@every_loss
@pytest.mark.parametrize("size", [1e-30, 1e3, 1e8])
def test_extreme_outputs_give_finite_values_and_gradients(component, size):
    """A network says anything before it is trained."""
    y_true, y_pred = example(component)
    for scale in (size, -size):
        values, gradient = value_and_gradient(component.call, y_true, np.float32(scale) * y_pred)
        assert np.isfinite(values).all()
        assert np.isfinite(gradient).all()
    values, gradient = value_and_gradient(component.call, y_true, 0 * y_pred)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()


@of_residuals
def test_is_even_in_the_residual(component):
    rng = np.random.default_rng(1)
    y_true, r = (rng.integers(-32, 32, size=(6, 4)).astype(np.float32) / 8 for _ in range(2))  # sums without rounding
    np.testing.assert_array_equal(component.call(y_true, y_true + r), component.call(y_true, y_true - r))


@of_residuals
@pytest.mark.parametrize("size", [1e-30, 1e-15, 1e-6, 1e6, 1e15])
def test_is_finite_and_points_home_from_any_distance(component, size):
    """1e15 is the largest power of ten that mse can square and sum in float32 with room to spare."""
    y_pred = np.array([[size, -size]], np.float32)
    values, gradient = value_and_gradient(component.call, np.zeros_like(y_pred), y_pred)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()
    assert gradient[0, 0] > 0
    assert gradient[0, 1] == -gradient[0, 0]


@of_residuals
@pytest.mark.parametrize("shapes", [((6, 4), (6, 1)), ((6, 4), (6, 3)), ((6, 4), (5, 4)), ((6,), (6,)), ((6, 1), (6,))])
def test_nothing_is_broadcast(component, shapes):
    y_true, y_pred = map(np.zeros, shapes)
    with pytest.raises(ValueError, match="equal shapes") as caught:
        component.call(y_true, y_pred)
    assert f"y_true is {shapes[0]}, y_pred is {shapes[1]}" in str(caught.value)


@other_forms
def test_other_shapes_are_refused(component):
    y_true, y_pred = example(component)
    for one, other in ((y_true[:, 0], y_pred), (y_true, y_pred[:5]), (y_true, y_pred[:, :, None]), (y_true[0], y_pred)):
        with pytest.raises(ValueError, match="y_true"):
            component.call(one, other)
    with pytest.raises(ValueError, match="y_true"):
        component.call(np.concatenate([y_true, y_true], axis=1), y_pred)


@every_loss
def test_unknown_batch_sizes_agree_while_tracing(component):
    y_true, y_pred = example(component)
    shapes = [tf.TensorSpec((None, array.shape[1])) for array in (y_true, y_pred)]
    traced = tf.function(component.call, input_signature=shapes)
    np.testing.assert_allclose(traced(y_true, y_pred), component.call(y_true, y_pred), rtol=1e-6)


@every_loss
def test_the_docstring_tells_formula_shapes_and_return(component):
    text = inspect.getdoc(component.call)
    for part in ("Args:", "y_true:", "y_pred:", "Returns:", "(N,)"):
        assert part in text
    for parameter in component.parameters:
        assert f"    {parameter.name}: " in text
