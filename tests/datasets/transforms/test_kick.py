"""The deviation from an extrapolation: there and back, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError
from app.core.libraries import tf
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.magnet import Magnet
from app.physics.momentum_slopes import to_momentum
from app.physics.runge_kutta import rk4
from datasets.transforms import TRANSFORMS
from datasets.transforms.chain import Chain
from datasets.transforms.kick import Kick

Z, DZ = 2665.0, 5161.0
TARGETS = ("x", "y", "tx", "ty")
MAXWELL = Magnet({"name": "gaussian_dipole", "maxwell": True}, Z)
BASELINES = ["straight_line", "thin_lens", {"name": "rk4", "steps": 1}, {"name": "rk4", "steps": 2}]
every_baseline = pytest.mark.parametrize("baseline", BASELINES, ids=str)
both_slopes = pytest.mark.parametrize("slopes", ["plain", "momentum"])


@pytest.fixture(scope="module")
def tracks():
    """Inputs (N,) by name and the ends (N, 4) of 400 tracks through the dipole, float32 as in a file."""
    random = np.random.default_rng(1)
    state = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (400, 4))
    qop = random.choice([-1.0, 1.0], 400) / np.exp(random.uniform(*np.log([2.0, 100.0]), 400))
    end = np.stack(rk4(MAXWELL.field, tuple(state.T), qop, Z, DZ, 50), axis=1)
    columns = dict(zip(TARGETS, state.T, strict=True)) | {"qop": qop, "dz": np.full(400, DZ)}
    return {n: v.astype(np.float32) for n, v in columns.items()}, end.astype(np.float32)


def steps(baseline="straight_line", slopes="plain", targets=TARGETS, magnet=MAXWELL):
    return TRANSFORMS.parse({"name": "kick", "baseline": baseline, "slopes": slopes}).build(targets, magnet)


@every_baseline
@both_slopes
def test_inverse_undoes_forward_in_single_precision(baseline, slopes, tracks):
    inputs, end = tracks
    chain = Chain(steps(baseline, slopes), TARGETS)
    chain.fit([(end, inputs)])
    output = np.asarray(chain.forward(end, inputs))
    assert output.dtype == np.float32
    np.testing.assert_allclose(output.mean(axis=0), 0, atol=1e-3)
    spread = output.std(axis=0)  # 1, or less where what the baseline leaves comes near the rounding of the state
    assert (spread < 1.001).all()
    assert (spread > (0.999 if baseline == "straight_line" else 0.9)).all()
    back = np.asarray(chain.inverse(output, inputs))
    np.testing.assert_allclose(back[:, :2], end[:, :2], rtol=1e-6, atol=5e-4)
    np.testing.assert_allclose(back[:, 2:], end[:, 2:], rtol=1e-6, atol=3e-7)


@every_baseline
@both_slopes
def test_it_is_the_deviation_from_the_extrapolation_per_qop(baseline, slopes, tracks):
    inputs, end = tracks
    double = {name: values.astype(np.float64) for name, values in inputs.items()}
    base = np.stack(EXTRAPOLATIONS.parse(baseline).build(MAXWELL, double), axis=1)
    true = end.astype(np.float64)
    if slopes == "momentum":
        for state in (base, true):
            state[:, 2], state[:, 3] = to_momentum(state[:, 2], state[:, 3])
    expected = (true - base) / double["qop"][:, None]
    found = np.asarray(steps(baseline, slopes)[0].forward(end, inputs))
    rounding = np.array([1e-3, 1e-3, 1e-6, 1e-6]) / np.abs(double["qop"])[:, None]  # float32 knows 2 m to 1e-4 mm
    assert (np.abs(found - expected) < rounding).all()


def test_momentum_slopes_by_hand():
    """A track along the axis that leaves with tx = 3/4: u = 3/5, so the kick per q/p = 1/2 is 6/5."""
    inputs = {n: np.zeros(1, np.float32) for n in TARGETS} | {"dz": np.array([10.0], np.float32)}
    inputs["qop"] = np.array([0.5], np.float32)
    kick = Kick(("tx", "ty"), momentum_slopes=True)
    np.testing.assert_allclose(kick.forward(np.array([[0.75, 0.0]], np.float32), inputs), [[1.2, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(kick.inverse(np.array([[1.2, 0.0]], np.float32), inputs), [[0.75, 0.0]], rtol=1e-6)


def test_a_uniform_field_leaves_nothing_of_the_slopes_behind_a_thin_lens():
    """In By alone the lens gives px/p and py/p exactly: the network has only the positions to learn."""
    magnet = Magnet({"name": "uniform", "by": -1.0}, 0.0)
    random = np.random.default_rng(2)
    state = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (100, 4))
    inputs = dict(zip(TARGETS, state.T, strict=True)) | {"qop": np.full(100, 0.05), "dz": np.full(100, 3000.0)}
    end = np.stack(rk4(magnet.field, tuple(state.T), inputs["qop"], 0.0, 3000.0, 100), axis=1)
    single = {name: values.astype(np.float32) for name, values in inputs.items()}
    (kick, _) = steps("thin_lens", "momentum", magnet=magnet)
    left = np.asarray(kick.forward(end.astype(np.float32), single)) * 0.05
    np.testing.assert_allclose(left[:, 2:], 0, atol=3e-7)
    assert np.abs(left[:, 0]).max() > 0.5


@both_slopes
def test_without_a_kick_the_output_is_the_baseline(slopes, tracks):
    inputs, _ = tracks
    for baseline in BASELINES:
        (kick, _) = steps(baseline, slopes)
        found = kick.inverse(np.zeros((400, 4), np.float32), inputs)
        expected = np.stack(EXTRAPOLATIONS.parse(baseline).build(MAXWELL, inputs), axis=1)
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


@every_baseline
@both_slopes
def test_the_weight_is_the_momentum_and_the_gradient_its_inverse(baseline, slopes, tracks):
    """d(x, y)/d(output) is q/p whatever the baseline, and finite for an output that is no direction."""
    inputs = {name: tf.constant(values[:20]) for name, values in tracks[0].items()}
    (kick, _) = steps(baseline, slopes)
    np.testing.assert_allclose(kick.weight(inputs), np.abs(inputs["qop"]))
    for size in (0.0, 1e6):
        output = tf.fill((20, 4), size)
        with tf.GradientTape() as tape:
            tape.watch(output)
            x = kick.inverse(output, inputs)
        gradient = tape.gradient(x, output).numpy()
        assert np.isfinite(gradient).all()
        np.testing.assert_allclose(gradient[:, :2], np.repeat(inputs["qop"][:, None], 2, axis=1), rtol=1e-5)


def test_what_it_reads():
    line, lens = steps()[0], steps("thin_lens")[0]
    assert line.needs == lens.needs == ("x", "y", "tx", "ty", "dz", "qop")
    assert steps("thin_lens", magnet=Magnet(MAXWELL.field_json, None))[0].needs == (*lens.needs, "z_start")
    assert steps(magnet=Magnet(MAXWELL.field_json, None))[0].needs == line.needs


@every_baseline
def test_z_start_may_be_a_column(baseline, tracks):
    inputs, end = tracks
    varying = steps(baseline, magnet=Magnet(MAXWELL.field_json, None))[0]
    one = varying.forward(end, inputs | {"z_start": np.full(400, Z, np.float32)})
    np.testing.assert_allclose(one, steps(baseline)[0].forward(end, inputs), rtol=1e-4, atol=1e-3)


def test_mistakes_are_told():
    with pytest.raises(UserError) as caught:
        steps("thin_lens", magnet=None)
    assert str(caught.value) == (
        "transform.baseline: 'thin_lens' needs the field of the data, which is not known. "
        "Expected 'field' in the dataset, or data of 'simulate'."
    )
    with pytest.raises(UserError, match=r"^transform\.slopes: momentum slopes mix tx and ty, and the task does not"):
        steps(slopes="momentum", targets=("x", "tx"))
    with pytest.raises(UserError, match=r"^baseline\.name: unknown extrapolation\. Did you mean 'rk4'\?"):
        TRANSFORMS.parse({"name": "kick", "baseline": "rk5"})
    with pytest.raises(UserError, match=r"^baseline.*steps"):
        TRANSFORMS.parse({"name": "kick", "baseline": {"name": "rk4", "steps": 0}})
