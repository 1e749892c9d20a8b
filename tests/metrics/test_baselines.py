import numpy as np
import pytest

from app.core.errors import UserError, WirechamberError
from app.metrics import BASELINES
from app.metrics.baselines import applicable, fit
from app.metrics.baselines.polynomial import polynomial
from app.metrics.statistics.fits import Basis, terms
from app.metrics.statistics.kick_polynomial import MOST_TERMS
from app.metrics.track_residuals import residual_summary

TARGETS = ("x", "y", "tx", "ty")
STATE = ("x", "y", "tx", "ty", "qop", "dz")


def error(baseline, tracks, targets=TARGETS):
    return residual_summary({name: tracks[f"true_{name}"] for name in targets}, baseline(tracks))["pos_mean_mm"]


def mirrored(tracks, names):
    both = {f"{prefix}{name}" for prefix in ("", "true_") for name in names}
    return {name: -values if name in both else values for name, values in tracks.items()}


@pytest.fixture(scope="module")
def fitted(tracks):
    return polynomial(tracks(12_000, 1), tracks(1_500, 2), TARGETS)


def test_straight_line_by_hand():
    state = {"x": 1.0, "y": 2.0, "tx": 0.1, "ty": -0.2, "dz": 1000.0}
    columns = {name: np.array([value]) for name, value in state.items()}
    found = BASELINES["straight_line"].call({}, {}, TARGETS)(columns)
    assert {name: values.item() for name, values in found.items()} == {"x": 101, "y": -198, "tx": 0.1, "ty": -0.2}
    assert list(BASELINES["straight_line"].call({}, {}, ("ty",))(columns)) == ["ty"]


def test_straight_line_misses_by_the_known_bend(tracks):
    line = fit({}, {}, TARGETS, ["straight_line"])["straight_line"]
    assert error(line, tracks(20_000, 5)) == pytest.approx(431, rel=0.03)


def test_mean_of_the_training_targets():
    mean = BASELINES["mean"].call({"true_energy": np.array([1.0, 5.0])}, {}, ("energy",))
    assert mean({"adc": np.zeros((3, 7))})["energy"].tolist() == [3, 3, 3]


def test_polynomial_reaches_the_known_accuracy_and_says_what_it_chose(fitted, tracks):
    assert fitted.description == "polynomial degree 8 in tx, ty, qop, folded"
    assert error(fitted, tracks(10_000, 3)) == pytest.approx(0.018, rel=0.3)


@pytest.mark.parametrize("names", [("x", "tx", "qop"), ("y", "ty")])
def test_a_folded_polynomial_is_exactly_mirror_symmetric(fitted, tracks, names):
    some = tracks(500, 4)
    direct, image = fitted(some), fitted(mirrored(some, names))
    for target in TARGETS:
        expected = -direct[target] if target in names else direct[target]
        np.testing.assert_allclose(image[target], expected, rtol=1e-12, atol=1e-12)


def test_blocks_of_rows_do_not_matter(fitted, tracks):
    many = tracks(40_000, 6)
    few = {name: values[39_000:] for name, values in many.items()}
    np.testing.assert_allclose(fitted(many)["x"][39_000:], fitted(few)["x"], rtol=1e-12)
    assert len(fitted({name: values[:0] for name, values in many.items()})["x"]) == 0


def test_a_kick_that_is_a_polynomial_is_found_exactly():
    random = np.random.default_rng(0)

    def sample(rows):
        c = {n: random.uniform(-1, 1, rows) for n in STATE}
        kick = 1 + 2 * c["x"] * c["ty"] - 3 * c["dz"] ** 2
        line = {"x": c["x"] + c["tx"] * c["dz"], "y": c["y"] + c["ty"] * c["dz"], "tx": c["tx"], "ty": c["ty"]}
        return c | {f"true_{n}": line[n] + c["qop"] * (i + 1) * kick for i, n in enumerate(TARGETS)}

    baseline = polynomial(sample(2000), sample(200), TARGETS)
    test = sample(1000)
    for target, values in baseline(test).items():
        np.testing.assert_allclose(values, test[f"true_{target}"], atol=1e-9)
    assert "x, y, tx, ty, qop, dz" in baseline.description
    assert "folded" not in baseline.description  # x * ty is odd under the mirror


def test_targets_without_position_and_constant_or_repeated_columns(tracks):
    train = tracks(1000, 1)
    train["z_start"] = np.repeat([2665.0, 2700.0], 500)  # two values only: high powers of it are not independent
    baseline = polynomial(train, {}, ("ty", "tx"))
    assert list(baseline(train)) == ["ty", "tx"]
    assert np.abs(baseline(train)["tx"] - train["true_tx"]).mean() < 1e-3


@pytest.mark.parametrize("rows", [1, 4, 60])
def test_few_tracks_take_a_low_degree(tracks, rows):
    baseline = polynomial(tracks(rows, 1), {}, TARGETS)
    assert baseline.description.startswith("polynomial degree 0" if rows < 50 else "polynomial degree 2")
    assert np.isfinite(error(baseline, tracks(100, 2)))


def test_no_tracks_is_an_error(tracks):
    with pytest.raises(WirechamberError, match="no training tracks"):
        polynomial({name: values[:0] for name, values in tracks(1, 1).items()}, {}, TARGETS)


def test_neutral_tracks_stay_on_the_line(fitted, tracks):
    neutral = tracks(10, 1) | {"qop": np.zeros(10)}
    np.testing.assert_allclose(fitted(neutral)["x"], neutral["x"] + neutral["tx"] * neutral["dz"])


def test_those_that_apply_are_fitted(tracks):
    assert applicable(STATE, TARGETS) == ["polynomial", "straight_line"]
    assert applicable(["x", "y", "tx", "ty", "dz"], ("x",)) == ["straight_line"]
    assert applicable(["adc"], ("energy",)) == applicable(STATE, ("energy",)) == ["mean"]
    found = fit(tracks(100, 1), tracks(10, 2), TARGETS)
    assert list(found) == ["polynomial", "straight_line"]
    assert found["straight_line"].description.startswith("straight line")
    with pytest.raises(UserError, match="Did you mean 'straight_line'"):
        fit(tracks(10, 1), {}, TARGETS, ["straightline"])


def test_basis_is_the_product_of_chebyshev_polynomials_by_degree():
    features = np.array([[0.0, 10.0], [1.0, 20.0], [0.25, 17.5]])
    basis = Basis.spanning(features, 3)
    products = basis(features)
    assert products.shape == (terms(2, 3), 3) == (10, 3)
    u, v = -0.5, 0.5  # the third row scaled to [-1, 1]
    t2, t3 = (lambda s: 2 * s * s - 1), (lambda s: 4 * s**3 - 3 * s)
    expected = [1, u, v, t2(u), u * v, t2(v), t3(u), t2(u) * v, u * t2(v), t3(v)]
    np.testing.assert_allclose(products[:, 2], expected, atol=1e-15)
    lower = Basis(basis.centre, basis.half, 2)(features)
    np.testing.assert_array_equal(lower, products[: len(lower)])
    assert terms(6, 6) < MOST_TERMS < terms(6, 8)
