"""The polynomial as a model: it computes what the baseline of its name computes, to what float32 leaves."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from app.metrics.baselines.polynomial import polynomial
from app.metrics.statistics.fits import terms
from app.models import MODELS
from app.models.blocks.classical_layers import chebyshev
from app.physics.magnet import Magnet

TARGETS = ("x", "y", "tx", "ty")
STATED = {"magnet": Magnet({"name": "two_dipoles"}, 2665.0), "none": None}


def stacked(columns):
    return np.stack([columns[name] for name in TARGETS], axis=1)


def position_error(found, expected):
    return np.hypot(*(found - expected)[:, :2].T)


@pytest.fixture(scope="module")
def samples(tracks):
    return tracks(12_000, 1), tracks(1_500, 2)


@pytest.fixture(scope="module")
def fitted(made, samples):
    return made("polynomial", train=samples[0], validation=samples[1])


def test_it_is_the_baseline_to_a_ten_thousandth_of_a_millimetre(fitted, samples, tracks):
    baseline, test = polynomial(*samples, TARGETS), tracks(5_000, 3)
    assert fitted.layer.description == baseline.description == "polynomial degree 8 in tx, ty, qop, folded"
    found, expected = fitted(test), stacked(baseline(test))
    assert position_error(found, expected).mean() < 1e-4
    assert position_error(found, expected).max() < 1e-3
    assert np.abs(found - expected)[:, 2:].max() < 3e-7
    truth = np.stack([test[f"true_{name}"] for name in TARGETS], axis=1)
    own, its = (position_error(state, truth).mean() for state in (found, expected))
    assert own == pytest.approx(0.0188, rel=0.3)
    assert own == pytest.approx(its, rel=1e-3)


def test_the_coefficients_are_counted_and_summed_in_float64(fitted):
    assert fitted.model.count_params() == terms(3, 8) * 4 == 660
    assert not fitted.model.trainable_weights
    assert keras.backend.standardize_dtype(fitted.layer.coefficients.dtype) == "float64"
    state = np.zeros((2, 6), np.float32)
    graph = tf.function(fitted.model).get_concrete_function({"state": state}).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    kinds = {tf.dtypes.as_dtype(node.attr["T"].type) for node in nodes if "MatMul" in node.op}
    assert kinds == {tf.float64}, "a GPU rounds the factors of a float32 product to ten bits"


def test_chebyshev_polynomials():
    u = np.linspace(-1, 1, 201, dtype=np.float32)
    expected = np.polynomial.chebyshev.chebvander(u.astype(float), 12).T
    np.testing.assert_allclose(chebyshev(tf.constant(u), 12), expected, atol=2e-5)
    assert chebyshev(tf.constant(u), 0).shape == (1, 201)


def test_a_kick_that_is_a_polynomial_is_found(made):
    random = np.random.default_rng(0)

    def sample(rows):
        c = {n: random.uniform(-1, 1, rows).astype(np.float32).astype(float) for n in (*TARGETS, "qop", "dz")}
        kick = 1 + 2 * c["x"] * c["ty"] - 3 * c["dz"] ** 2
        line = {"x": c["x"] + c["tx"] * c["dz"], "y": c["y"] + c["ty"] * c["dz"], "tx": c["tx"], "ty": c["ty"]}
        return c | {f"true_{n}": line[n] + c["qop"] * (i + 1) * kick for i, n in enumerate(TARGETS)}

    model = made({"name": "polynomial", "degree": 2}, ("ty", "x"), None, sample(2000), sample(200))
    test = sample(1000)
    np.testing.assert_allclose(model(test), np.stack([test["true_ty"], test["true_x"]], axis=1), atol=1e-5)
    assert model.layer.description == "polynomial degree 2 in x, y, tx, ty, qop, dz"
    assert model.model.count_params() == terms(6, 2) * 2


@pytest.mark.parametrize("names", [("x", "tx", "qop"), ("y", "ty")])
def test_a_folded_polynomial_is_exactly_mirror_symmetric(fitted, tracks, names):
    some = tracks(500, 4)
    signs = np.array([-1.0 if name in names else 1.0 for name in TARGETS])
    image = fitted({name: -values if name in names else values for name, values in some.items()})
    np.testing.assert_array_equal(image * signs, fitted(some))


@pytest.mark.parametrize(
    ("options", "description"),
    [
        ({"degree": 3}, "polynomial degree 3 in tx, ty, qop, folded"),
        ({"degree": [2, 8]}, "polynomial degree 8 in tx, ty, qop, folded"),
        ({"degree": 8, "folded": False}, "polynomial degree 8 in tx, ty, qop"),
        ({"degree": 2, "folded": True, "features": ["ty", "tx"]}, "polynomial degree 2 in ty, tx, folded"),
        ({"degree": 0, "features": "qop", "folded": False}, "polynomial degree 0 in qop"),
    ],
)
def test_a_job_may_fix_what_the_validation_tracks_would_choose(made, samples, options, description):
    assert made({"name": "polynomial", **options}, train=samples[0], validation=samples[1]).layer.description == (
        description
    )


def test_a_higher_degree_is_better_until_the_tracks_run_out(made, samples, tracks):
    test = tracks(2_000, 5)
    truth = np.stack([test[f"true_{name}"] for name in TARGETS], axis=1)
    specs = [{"name": "polynomial", "degree": degree, "folded": True} for degree in (2, 4, 6, 8, 10)]
    errors = [position_error(made(spec, train=samples[0], validation=samples[1])(test), truth).mean() for spec in specs]
    assert errors == sorted(errors, reverse=True)
    np.testing.assert_allclose(errors[2], 0.114, rtol=0.3)
    with pytest.raises(UserError) as caught:
        made({"name": "polynomial", "degree": 10}, train={n: v[:200] for n, v in samples[0].items()}, validation={})
    assert "degree: no polynomial of this degree can be fitted on 200 tracks" in str(caught.value)
    assert "Expected at least 5 tracks for each of at most 1,000 terms. Received [10]" in str(caught.value)


def test_saved_and_loaded_gives_the_same_bits(fitted, tracks, tmp_path):
    fitted.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    test = tracks(300, 6)
    assert np.array_equal(loaded.get_weights()[0], fitted.model.get_weights()[0])
    assert np.array_equal(fitted(test, loaded), fitted(test))
    assert "coefficients" not in fitted.layer.get_config()


def test_compiled_by_xla_it_is_the_same(fitted, tracks):
    test = tracks(300, 6)
    compiled = tf.function(fitted.model, jit_compile=True)
    difference = np.abs(fitted(test, compiled) - fitted(test))
    assert (difference.max(axis=0) < [2e-3, 2e-3, 5e-7, 5e-7]).all()


@pytest.mark.parametrize(
    ("options", "magnet", "message"),
    [
        ({"features": ["tx", "pt"]}, "magnet", "features.1: unknown feature. Expected one of [x, y, tx"),
        ({"folded": True}, "none", "folded: the field of the data is not known. Expected 'field' in the dataset"),
    ],
)
def test_what_cannot_be_fitted_is_refused(made, options, magnet, message):
    with pytest.raises(UserError) as caught:
        made({"name": "polynomial", **options}, magnet=STATED[magnet])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"degree": []}, "degree: not valid."),
        ({"degree": -1}, "degree.0: not valid. Expected greater than or equal to 0"),
        ({"degree": 2.5}, "degree.0: not valid."),
        ({"degre": 2}, "degre: unknown key. Did you mean 'degree'?"),
        ({"folded": "yes"}, "folded: not valid."),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(UserError) as caught:
        MODELS.parse({"name": "polynomial", **options})
    assert message in str(caught.value)
