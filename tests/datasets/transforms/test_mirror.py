"""The mirror symmetries of a dipole: folding, what it is good for, and where it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError
from app.core.libraries import tf
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.magnet import Magnet
from app.physics.runge_kutta import rk4
from datasets.transforms import TRANSFORMS
from datasets.transforms.chain import Chain, Mirror, check_mirror

Z, DZ = 2665.0, 5161.0
TARGETS = ("x", "y", "tx", "ty")
COLUMNS = (*TARGETS, "qop", "dz")
FIELDS = [GaussianDipole(), GaussianDipole(maxwell=True), TwoDipoles()]


def tracks(rows=300, seed=1):
    """Start columns in float64, among them tracks with slopes of 0."""
    random = np.random.default_rng(seed)
    state = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (rows, 4))
    state[:4, 3] = 0.0
    qop = random.choice([-1.0, 1.0], rows) / np.exp(random.uniform(*np.log([2.0, 100.0]), rows))
    return dict(zip(TARGETS, state.T, strict=True)) | {"qop": qop, "dz": np.full(rows, DZ)}


def ends(field, columns):
    start = tuple(np.asarray(columns[n], np.float64) for n in TARGETS)
    return np.stack(rk4(field, start, np.asarray(columns["qop"], np.float64), Z, columns["dz"], 40), axis=1)


def test_signs_by_hand():
    columns = {
        "x": np.array([1.0, 1.0, 1.0, 1.0, -2.0]),
        "y": np.array([2.0, 2.0, -2.0, 2.0, -2.0]),
        "tx": np.array([0.1, 0.1, 0.1, 0.0, 0.0]),
        "ty": np.array([0.3, -0.3, 0.3, 0.0, 0.0]),
        "qop": np.array([0.5, 0.5, -0.5, -0.5, 0.5]),
        "dz": np.full(5, 10.0),
    }
    folded = {name: np.asarray(values).tolist() for name, values in Mirror().fold(columns).items()}
    assert folded == {
        "x": [1.0, 1.0, -1.0, -1.0, -2.0],
        "y": [2.0, -2.0, -2.0, 2.0, 2.0],  # the last one is level: y itself decides
        "tx": [0.1, 0.1, -0.1, 0.0, 0.0],
        "ty": [0.3, 0.3, 0.3, 0.0, 0.0],
        "qop": [0.5, 0.5, 0.5, 0.5, 0.5],
        "dz": [10.0] * 5,
    }


def test_a_folded_track_is_positive_and_goes_upward_and_stays_so():
    once = Mirror().fold(tracks())
    twice = Mirror().fold(once)
    assert (np.asarray(once["qop"]) > 0).all()
    assert (np.asarray(once["ty"]) >= 0).all()
    assert all(np.array_equal(once[name], twice[name]) for name in once)


def test_targets_there_and_back_are_the_same_bits():
    columns, values = tracks(), np.random.default_rng(3).normal(size=(300, 4))
    mirrored = Mirror().targets(TARGETS, values, columns)
    assert not np.array_equal(mirrored, values)
    assert np.array_equal(Mirror().targets(TARGETS, mirrored, columns), values)
    some = Mirror().targets(("ty", "x"), values[:, [3, 0]], columns)
    assert np.array_equal(some, np.asarray(mirrored)[:, [3, 0]])


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_a_mirrored_track_ends_at_the_mirrored_end(field):
    columns = tracks()
    expected = np.asarray(Mirror().targets(TARGETS, ends(field, columns), columns))
    found = ends(field, {name: np.asarray(values) for name, values in Mirror().fold(columns).items()})
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("baseline", ["straight_line", "thin_lens", "rk4"])
@pytest.mark.parametrize("slopes", ["plain", "momentum"])
def test_a_chain_behind_the_mirror_is_symmetric_and_undone(baseline, slopes):
    """One output for a track and its mirror images, and from it the mirrored states: bitwise equal."""
    magnet = Magnet({"name": "two_dipoles"}, Z)
    spec = TRANSFORMS.parse({"name": "kick", "baseline": baseline, "slopes": slopes})
    chain = Chain(spec.build(TARGETS, magnet), TARGETS, Mirror())
    columns = {name: values.astype(np.float32) for name, values in tracks().items()}
    end = ends(TwoDipoles(), columns).astype(np.float32)
    chain.fit(
        [(end[:100], {n: v[:100] for n, v in columns.items()}), (end[100:], {n: v[100:] for n, v in columns.items()})]
    )
    output = np.asarray(chain.forward(end, columns))
    np.testing.assert_allclose(output.std(axis=0), 1, rtol=1e-3)
    np.testing.assert_allclose(chain.inverse(output, columns), end, rtol=2e-6, atol=5e-4)
    for flip in ({"x": -1, "tx": -1, "qop": -1}, {"y": -1, "ty": -1}):
        image = {name: values * np.float32(flip.get(name, 1)) for name, values in columns.items()}
        signs = np.array([flip.get(name, 1) for name in TARGETS], np.float32)
        assert np.array_equal(chain.forward(end * signs, image), output)
        assert np.array_equal(chain.inverse(output, image), np.asarray(chain.inverse(output, columns)) * signs)
    np.testing.assert_allclose(chain.weight(columns), np.abs(columns["qop"]))


def test_it_compiles():
    columns = {name: tf.constant(values, tf.float32) for name, values in tracks().items()}
    folded = tf.function(Mirror().fold, jit_compile=True)(columns)
    for name, values in Mirror().fold(columns).items():
        assert np.array_equal(folded[name], values)


def refused(magnet, columns=COLUMNS, targets=TARGETS):
    with pytest.raises(UserError) as caught:
        check_mirror(magnet, columns, targets)
    return str(caught.value)


@pytest.mark.parametrize("field", ["gaussian_dipole", "two_dipoles", "uniform"])
def test_fields_that_have_the_symmetry(field):
    check_mirror(Magnet({"name": field}, Z), COLUMNS, TARGETS)


def test_what_has_no_mirror_image():
    dipole = Magnet({"name": "gaussian_dipole"}, Z)
    place = "model.inputs.mirror: "
    assert refused(None) == (
        place + "the field of the data is not known. Expected 'field' in the dataset, or data of 'simulate'. "
        "Received True."
    )
    assert refused(Magnet({"name": "uniform", "bx": 0.1}, Z)) == (
        place + "the field 'uniform' is not symmetric in x. Expected false, or a field with By even in x and y. "
        "Received True."
    )
    assert "the field 'uniform' is not symmetric in y" in refused(Magnet({"name": "uniform", "bz": 0.1}, Z))
    assert refused(dipole, ("x", "y", "tx", "ty", "dz")) == (
        place + "no input column 'qop' to mirror. Expected track states."
    )
    assert refused(dipole, COLUMNS, ("x", "energy")) == (
        place + "the target 'energy' has no mirror image. Expected x, y, tx, ty."
    )


def test_a_map_is_looked_at(tmp_path):
    """By falls with |x| on either side; with one node changed it is symmetric no more."""
    x, z = np.array([-500.0, 0.0, 500.0]), np.array([0.0, 1000.0])
    values = np.zeros((3, 3, 2, 3))
    values[..., 1] = np.array([0.5, 1.0, 0.5])[:, None, None]

    def magnet(name):
        np.savez(tmp_path / name, x_mm=x, y_mm=x, z_mm=z, B_T=values)
        return Magnet({"name": "map", "file": str(tmp_path / name)}, 0.0)

    check_mirror(magnet("even.npz"), COLUMNS, TARGETS)
    values[2, :, :, 1] = 0.6
    assert "the field 'map' is not symmetric in x" in refused(magnet("odd.npz"))
