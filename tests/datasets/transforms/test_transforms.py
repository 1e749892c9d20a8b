"""Transforms: closed forms, round trips and what every registered one must do."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from datasets.pipeline.moments import mean_and_std
from datasets.transforms import TRANSFORMS
from datasets.transforms.chain import Chain
from datasets.transforms.kick import Kick
from datasets.transforms.scaling import Standardize

TARGETS = ("x", "y", "tx", "ty")
every_transform = pytest.mark.parametrize("component", list(TRANSFORMS), ids=lambda c: c.name)


def chain_of(*specs, targets=TARGETS):
    chain = Chain([], targets)
    for spec in specs:
        chain = Chain([*chain.steps, *TRANSFORMS.parse(spec).build(chain.outputs, None)], targets)
    return chain


def events(rows=50, seed=1):
    """Inputs (N,) by name and positive targets (N, 4) of bent tracks, float32."""
    rng = np.random.default_rng(seed)
    inputs = {name: rng.uniform(1, 3, rows).astype(np.float32) for name in ("x", "y", "tx", "ty")}
    inputs["dz"] = np.full(rows, 10, np.float32)
    inputs["qop"] = (rng.choice([-1, 1], rows) / rng.uniform(2, 100, rows)).astype(np.float32)
    line = np.stack([inputs["x"] + 10 * inputs["tx"], inputs["y"] + 10 * inputs["ty"], inputs["tx"], inputs["ty"]], -1)
    bend = inputs["qop"][:, None] * np.array([50, 1, 0.5, 0.01]) * rng.normal(1, 0.1, (rows, 4))
    return (line + bend).astype(np.float32), inputs


def example(component):
    """Targets (50, 4) that the transform can take there and back, and inputs."""
    target, inputs = events()
    make = component.facts.example or (lambda random: target)
    return np.asarray(make(np.random.default_rng(1)), np.float32), inputs


@every_transform
@pytest.mark.parametrize("blocks", [1, 5])
def test_inverse_undoes_forward_in_single_precision(component, blocks):
    """To 1e-5 of the target's size: float32 keeps 7 digits, the straight line and its deviation lose up to 2."""
    target, inputs = example(component)
    chain = chain_of(component.name)
    parts = np.array_split(np.arange(50), blocks)
    chain.fit([(target[p], {n: a[p] for n, a in inputs.items()}) for p in parts])
    output = chain.forward(target, inputs)
    assert np.shape(output) == (50, len(chain.outputs))
    assert np.asarray(output).dtype == np.float32
    np.testing.assert_allclose(chain.inverse(output, inputs), target, rtol=1e-5, atol=1e-5 * np.abs(target).max())


@every_transform
def test_compiles_and_has_a_finite_gradient(component):
    target, inputs = example(component)
    chain = chain_of(component.name)
    chain.fit([(target, inputs)])
    tensors = {name: tf.constant(array) for name, array in inputs.items()}

    @tf.function(jit_compile=True)
    def physical(output):
        return chain.inverse(output, tensors)

    output = tf.constant(np.asarray(chain.forward(target, inputs)))
    with tf.GradientTape() as tape:
        tape.watch(output)
        values = physical(output)
    np.testing.assert_allclose(values, chain.inverse(output, tensors), rtol=1e-5, atol=1e-4)
    gradient = tape.gradient(values, output).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient != 0).all()
    step = 1e-2 * np.abs(output).max()
    one_way, other = (np.asarray(physical(output + sign * step), np.float64) for sign in (1, -1))
    wanted = ((one_way - other) / (2 * step))[:, :1]
    if component.name not in (
        "log",
        "inverse",
        "unit_vector",
        "circular",
    ):  # linear in the output: a difference of any step is the derivative
        np.testing.assert_allclose(gradient[:, :1], wanted, rtol=2e-2, atol=1e-5)


@every_transform
def test_an_event_does_not_see_the_others(component):
    target, inputs = example(component)
    chain = chain_of(component.name)
    chain.fit([(target, inputs)])
    alone = chain.forward(target[7:8], {n: a[7:8] for n, a in inputs.items()})
    np.testing.assert_allclose(alone, np.asarray(chain.forward(target, inputs))[7:8], rtol=1e-6)


@every_transform
def test_reads_no_input_that_it_does_not_declare(component):
    target, inputs = example(component)
    chain = chain_of(component.name)
    needed = {name: inputs[name] for name in chain.needs}
    chain.fit([(target, needed)])
    chain.inverse(chain.forward(target, needed), needed)
    weight = chain.weight(needed)
    assert weight is None or (np.shape(weight) == (50,) and (np.asarray(weight) > 0).all())


def test_straight_line_residual_is_the_deviation_from_the_line():
    inputs = {
        name: np.array([value]) for name, value in {"x": 1.0, "y": 2.0, "tx": 0.1, "ty": -0.2, "dz": 10.0}.items()
    }
    (line, _) = TRANSFORMS.parse("straight_line_residual").build(("ty", "x"), None)
    assert line.needs == ("x", "y", "tx", "ty", "dz")
    np.testing.assert_allclose(line.forward(np.array([[-0.5, 2.75]]), inputs), [[-0.3, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(line.inverse(np.array([[-0.3, 0.75]]), inputs), [[-0.5, 2.75]], rtol=1e-6)


def test_kick_is_the_deviation_per_qop():
    names = {"x": 1.0, "y": 2.0, "tx": 0.1, "ty": -0.2, "dz": 10.0, "qop": -0.05}
    inputs = {name: np.array([value]) for name, value in names.items()}
    kick = Kick(("x", "tx"))
    np.testing.assert_allclose(kick.forward(np.array([[2.75, 0.08]]), inputs), [[-15.0, 0.4]], rtol=1e-5)
    np.testing.assert_allclose(kick.inverse(np.array([[-15.0, 0.4]]), inputs), [[2.75, 0.08]], rtol=1e-5)
    np.testing.assert_allclose(kick.weight(inputs), [0.05])


def test_the_kick_of_a_weak_field_is_one_number_at_all_momenta():
    """dtx = 0.3 q/p integral(B dl) to first order, so the standardised kick of a perfect dipole is constant."""
    inputs = {n: np.zeros(6, np.float32) for n in ("x", "y", "tx", "ty")} | {"dz": np.full(6, 5000, np.float32)}
    inputs["qop"] = np.array([0.5, 0.1, 0.01, -0.01, -0.1, -0.5], np.float32)
    target = np.stack([-0.9 * inputs["qop"], 0 * inputs["qop"]], -1)
    np.testing.assert_allclose(Kick(("tx", "ty")).forward(target, inputs), np.tile([-0.9, 0.0], (6, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [([5, 200], [100, 1e4, 1e4, 1e4]), ([-5, -200], [-1e4, -1e4, -1e4, -100]), ([5, -200], [100, 1e4, -1e4, -100])],
)
def test_inverse_keeps_the_sign_of_the_target(targets, expected):
    """A curvature of 0 or of the wrong sign is a muon of 10 TeV, not one of negative pT; q/pT has both signs."""
    chain = chain_of("inverse", targets=("pt",))
    chain.fit([(np.array([[target]], np.float32), {}) for target in targets])
    output = np.array([[0.01], [0.0], [-1e-5], [-0.01]], np.float32)
    found = np.asarray(chain.inverse(output, {}))[:, 0]
    np.testing.assert_allclose(found[[0, 3]], np.array(expected)[[0, 3]], rtol=1e-6)
    np.testing.assert_allclose(np.abs(found[1:3]), 1e4, rtol=1e-6)
    assert np.sign(found[2]) == np.sign(expected[2])


def test_inverse_then_standardize_is_the_curvature_in_its_own_spread():
    """The loss sees 1/pT with mean 0 and spread 1, the prediction is in GeV."""
    pt = np.array([[5.0], [10.0], [20.0], [200.0]], np.float32)
    chain = chain_of("inverse", "standardize", targets=("pt",))
    chain.fit([(pt[:2], {}), (pt[2:], {})])
    np.testing.assert_allclose(chain.forward(pt, {}), (1 / pt - np.mean(1 / pt)) / np.std(1 / pt), rtol=1e-5)
    np.testing.assert_allclose(chain.inverse(chain.forward(pt, {}), {}), pt, rtol=1e-5)
    np.testing.assert_allclose(chain.inverse(np.array([[-50.0]], np.float32), {}), [[1e4]], rtol=1e-5)


def test_log_and_inverse():
    values = np.array([[1e-3], [1.0], [1e4]], np.float32)
    np.testing.assert_allclose(chain_of("log").forward(values, {}), np.log(values), rtol=1e-6)
    np.testing.assert_allclose(chain_of("inverse").forward(values, {}), 1 / values, rtol=1e-6)
    near = np.array([[0.0], [1e-9], [-1e-9], [0.5]], np.float32)
    found = chain_of({"name": "inverse", "floor": 0.01}).inverse(near, {})
    np.testing.assert_allclose(found, [[100.0], [100.0], [-100.0], [2.0]], rtol=1e-6)


def test_standardize_has_mean_0_and_spread_1_on_what_it_was_fitted_to():
    target = np.random.default_rng(1).normal([5000, -1e-3], [2.0, 1e-4], (4000, 2)).astype(np.float32)
    chain = chain_of("standardize", targets=("x", "tx"))
    chain.fit([(block, {}) for block in np.array_split(target, 7)])
    values = np.asarray(chain.forward(target, {}))
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=2e-4)  # float32 knows 5000 to 5e-4, a 4000th of the spread
    np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-3)


def test_steps_are_fitted_on_what_the_steps_before_them_give():
    target = np.exp(np.random.default_rng(1).normal(3.0, 0.5, (1000, 1))).astype(np.float32)
    chain = chain_of("log", "standardize", "standardize", targets=("energy",))
    chain.fit([(target[:300], {}), (target[300:], {})])
    assert chain.steps[1].constants["mean"][0] == pytest.approx(float(np.log(target).mean()), rel=1e-5)
    assert chain.steps[1].constants["std"][0] == pytest.approx(float(np.log(target).std()), rel=1e-5)
    assert chain.steps[2].constants["mean"][0] == pytest.approx(0, abs=1e-5)
    assert chain.steps[2].constants["std"][0] == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(chain.inverse(chain.forward(target, {}), {}), target, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 5161.0, 0.1, -1e-4, 1e5])
def test_a_constant_column_is_standardized_to_zero_and_comes_back(value):
    target = np.full((100, 1), value, np.float32)
    chain = chain_of("standardize", targets=("x",))
    chain.fit([(target[:33], {}), (target[33:], {})])
    np.testing.assert_allclose(chain.forward(target, {}), 0, atol=1e-6)
    np.testing.assert_array_equal(chain.inverse(np.zeros((3, 1), np.float32), {}), target[:3])
    assert np.isfinite(chain.inverse(np.full((1, 1), 5, np.float32), {})).all()


@pytest.mark.parametrize("blocks", [[10_000], [1, 9_999], [3_000, 7_000], [1] * 20 + [9_980]])
def test_moments_of_blocks_are_those_of_the_whole(blocks):
    values = np.random.default_rng(1).normal([0, 1e6], [1, 1e-2], (10_000, 2))
    mean, std = mean_and_std(np.split(values, np.cumsum(blocks)[:-1]))
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(std[:1], values.std(axis=0)[:1], rtol=1e-12)
    assert std[1] == pytest.approx(1.0)  # 1e-2 is below a millionth of the mean and is raised to that


def test_weights_multiply():
    inputs = {name: np.array([0.5, -0.25]) for name in ("x", "y", "tx", "ty", "dz", "qop")}
    assert chain_of("standardize").weight(inputs) is None
    np.testing.assert_allclose(Chain([Kick(("x",)), Kick(("x",))]).weight(inputs), [0.25, 0.0625])


def test_a_target_without_a_straight_line_is_refused():
    for name in ("kick", "straight_line_residual"):
        with pytest.raises(UserError, match=r"transform: no straight line for this target.*Received 'energy'"):
            chain_of(name, targets=("x", "energy"))


@pytest.mark.parametrize("specs", [["log"], ["log", "standardize"], ["standardize", "log"], ["inverse", "standardize"]])
def test_targets_outside_the_domain_are_refused(specs):
    target = np.array([[1.0], [0.0], [2.0], [-0.0]], np.float32)
    with pytest.raises(UserError, match=r"transform: .*(Log|Inverse): not finite for \d of 4 events"):
        chain_of(*specs, targets=("energy",)).fit([(target, {})])


@every_transform
def test_names_of_the_outputs_fit_their_number(component):
    target, inputs = example(component)
    chain = chain_of(component.name)
    chain.fit([(target, inputs)])
    assert len(chain.outputs) == np.shape(chain.forward(target, inputs))[1]
    assert len(set(chain.outputs)) == len(chain.outputs)


def test_what_a_transform_takes_is_told():
    for name, words in (("log", "targets above 0"), ("inverse", "targets other than 0")):
        with pytest.raises(UserError, match=f"not finite for 1 of 2 events. Expected {words}. Received"):
            chain_of(name, targets=("energy",)).fit([(np.array([[1.0], [0.0]], np.float32), {})])


def test_constants_are_plain_numbers_for_json():
    target, inputs = events()
    chain = chain_of("kick")
    chain.fit([(target, inputs)])
    (constants,) = [step.constants for step in chain.steps if isinstance(step, Standardize)]
    assert {type(value) for values in constants.values() for value in values} == {float}
    assert keras.ops.shape(chain.forward(target, inputs)) == (50, 4)


def test_a_component_that_is_nothing_but_rounding_does_not_become_noise_of_size_one():
    """The thin lens gives the slopes behind a field By(z) exactly: what is left of them is the last place."""
    random, rows = np.random.default_rng(1), 4000
    qop = np.where(random.random(rows) < 0.5, -1, 1) / random.uniform(2, 100, rows)
    inputs = {n: np.zeros(rows, np.float32) for n in ("x", "y", "tx", "ty")} | {
        "qop": qop.astype(np.float32), "dz": np.full(rows, 100, np.float32)
    }  # fmt: skip
    inputs["tx"] += random.uniform(-0.3, 0.3, rows).astype(np.float32)
    noise = np.spacing(inputs["tx"]) * random.choice([-1, 0, 1], rows)
    target = np.stack([inputs["tx"] * 100 + 7 * inputs["qop"] ** 2, inputs["tx"] + noise], axis=-1).astype(np.float32)
    chain = Chain([Kick(("x", "tx")), Standardize()], ("x", "tx"))
    chain.fit([(target, inputs)])
    values = np.asarray(chain.forward(target, inputs))
    spread = values.std(axis=0)
    assert spread[0] == pytest.approx(1, abs=0.02)
    assert spread[1] < 0.1
    np.testing.assert_allclose(np.asarray(chain.inverse(values, inputs)), target, rtol=1e-6, atol=1e-7)
