"""Fields that are known come back from the two ends of tracks."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from known_fields import difference_on_tracks, tracks_through

from app.core.errors import UserError
from app.field_fit.gauss_newton import FitOptions, fit_coefficients
from app.field_fit.region import seen_region
from app.field_fit.result import FittedField
from app.field_fit.selection import choose_fit, geometry
from app.field_fit.transport import TrackPairs, follow_tracks
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.harmonic import Harmonic
from app.physics.fields.two_dipoles import TwoDipoles

NONE = (False, False)


def starts(count, momentum=(5.0, 50.0)):
    random = np.random.default_rng(4)
    state = random.uniform([-300, -250, -0.2, -0.2], [300, 250, 0.2, 0.2], (count, 4))
    qop = random.choice([-1, 1], count) / random.uniform(*momentum, count)
    return np.column_stack([state, qop, np.full(count, 2665.0), np.full(count, 5161.0)])


def pairs_in(modes, w, count):
    first = starts(count)
    return TrackPairs(first, follow_tracks(modes, w, first, 24)[:, -1])


@pytest.fixture(scope="module")
def known():
    """Return modes, coefficients of 1 T and of some odd modes, and tracks through them."""
    modes = geometry(TrackPairs(starts(50), np.full((50, 4), 1500.0)), (2, 3))
    w = 0.02 * np.random.default_rng(0).normal(size=modes.shape) * modes.present(*NONE)
    w[0, 0, 0, 0, 0] = -1.0
    return modes, w, pairs_in(modes, w, 600)


def test_coefficients_come_back_from_nothing(known):
    modes, w, tracks = known
    fit = fit_coefficients(modes, modes.present(*NONE), tracks, FitOptions(strength=1e-9, iterations=20), 0 * w)
    assert np.abs(fit.residuals(tracks)[:, :2]).max() < 1e-2
    places = np.random.default_rng(1).uniform([-500, -500, 3000], [500, 500, 7500], (100, 3))
    off = np.einsum("nixyjkl,xyjkl->ni", modes.fields(places), fit.w - w)
    assert np.abs(off).max() < 1e-3


def test_planes_may_differ_from_track_to_track(known):
    modes, w, tracks = known[0], known[1], known[2].take(slice(400))
    random = np.random.default_rng(2)
    first = tracks.start + np.column_stack([np.zeros((400, 5)), random.uniform(-400, 400, (400, 2))])
    varied = TrackPairs(first, follow_tracks(modes, w, first, 24)[:, -1])
    fit = fit_coefficients(modes, modes.present(*NONE), varied, FitOptions(strength=1e-9, iterations=20), 0 * w)
    assert np.hypot(*fit.residuals(varied)[:, :2].T).mean() < 1e-3 * varied.bends.mean()


def test_tracks_that_the_field_cannot_explain_count_less_in_a_robust_fit(known):
    modes, w, tracks = known[0], known[1], known[2].take(slice(300))
    end = tracks.end.copy()
    end[::10, 0] += 20.0
    wrong, start, off = TrackPairs(tracks.start, end), 0 * w, {}
    for robust in (0.0, 3.0):
        options = FitOptions(strength=1e-9, robust=robust)
        fit = fit_coefficients(modes, modes.present(*NONE), wrong, options, start)
        off[robust] = np.median(np.hypot(*fit.residuals(tracks).T[:2]))
        start = fit.w
    assert off[3.0] < 0.1 * off[0.0]


def test_weights_of_a_robust_fit_are_those_of_student_t():
    weighted = np.zeros((3, 4))
    weighted[:, 1] = [0.0, 1.0, 3.0]
    assert FitOptions(robust=3.0).shares(weighted)[:, 0] == pytest.approx([1.0, 0.9**0.5, 0.5**0.5])
    assert (FitOptions().shares(weighted) == 1.0).all()
    assert np.isfinite(FitOptions(robust=3.0).shares(0 * weighted)).all()


def test_imposed_symmetries_hold(known):
    modes, w, tracks = known
    fit = fit_coefficients(modes, modes.present(True, True), tracks, FitOptions(strength=1e-6), 0 * w)
    assert not fit.w[:, :, 1].any()
    assert not fit.w[:, :, :, 1].any()


def test_the_cost_falls_with_every_step(known):
    modes, w, tracks = known
    costs = []
    progress = lambda iteration, cost: costs.append((iteration, cost))  # noqa: E731
    fit_coefficients(modes, modes.present(*NONE), tracks, FitOptions(strength=1e-9, iterations=5), 0 * w, progress)
    assert [i for i, _ in costs] == list(range(len(costs)))
    assert all(b <= a for (_, a), (_, b) in itertools.pairwise(costs))


def test_errors_say_how_far_the_field_is_off(known):
    """The true field lies within a few standard deviations of one fitted to ends with errors of 0.1 mm."""
    modes, w, tracks = known
    noise = np.random.default_rng(2).normal(size=(len(tracks), 4)) * [0.1, 0.1, 5e-5, 5e-5]
    noisy = TrackPairs(tracks.start, tracks.end + noise)
    options = FitOptions(strength=1e-9, weight_power=0.0)
    used, left = noisy.take(slice(0, 500)), noisy.take(slice(500, None))
    fitted = FittedField.of(fit_coefficients(modes, modes.present(*NONE), used, options, w), used, left)
    places = np.random.default_rng(1).uniform([-500, -500, 3000], [500, 500, 7500], (200, 3))
    field, sigma = fitted.at(places)
    pull = (field - np.einsum("nixyjkl,xyjkl->ni", modes.fields(places), w)) / sigma
    assert 0.4 < np.sqrt(np.mean(pull**2)) < 1.6
    integrals, errors = fitted.integrals()
    z = np.linspace(2665.0, 7826.0, 500)
    along = np.stack([0 * z, 0 * z, z], axis=1)
    true = np.trapezoid(np.einsum("nixyjkl,xyjkl->ni", modes.fields(along), w), z * 1e-3, axis=0)
    assert np.allclose(integrals[1], true[1], rtol=0.003)
    assert (errors > 0).all()


def test_errors_are_finite_where_tracks_hardly_decide(known):
    """Two modes that no track can tell apart, and an information that rounding made indefinite."""
    modes, w, tracks = known
    fit = fit_coefficients(modes, modes.present(*NONE), tracks, FitOptions(strength=1e-9, iterations=1), w)
    information = fit.information.copy()
    information[:2, :2] = information[0, 0] * (1.0 + 1e-14 * np.array([[-1, 1], [1, -1]]))
    information[:2, 2:] = information[2:, :2] = 0.0
    fitted = FittedField.of(replace(fit, information=information), tracks, tracks.take(slice(0, 50)))
    _, sigma = fitted.at(np.zeros((1, 3)))
    assert np.isfinite(sigma).all()
    product = fitted.root[2:] @ fitted.root[2:].T @ information[2:, 2:]
    assert np.allclose(product, product[0, 0] * np.eye(len(product)), atol=1e-4 * product[0, 0])


def test_the_file_holds_the_map_where_tracks_passed_and_nothing_elsewhere(known):
    modes, w, tracks = known
    fit = fit_coefficients(modes, modes.present(*NONE), tracks, FitOptions(strength=1e-9, iterations=1), w)
    content = FittedField.of(fit, tracks, tracks.take(slice(0, 50))).file({"seed": 1})
    seen, field = content.region.cells, Harmonic.of_modes(modes, fit.w, content.region)
    assert np.isnan(content.extra["map_B"][~seen]).all()
    i, j, k = np.argwhere(seen)[7]
    x, y, z = content.region.centers
    assert np.allclose(content.extra["map_B"][i, j, k], field(x[i], y[j], z[k]), atol=1e-12)
    assert field.inside(x[i], y[j], z[k])
    assert field.inside(*np.append(tracks.start[0, :2], 2665.0))
    assert field.inside(*np.append(tracks.end[0, :2], 2665.0 + 5161.0))


def test_cells_beside_a_track_are_seen_and_others_are_not():
    z = np.linspace(0.0, 2200.0, 12)[None]
    path = np.zeros((1, 12, 4))
    path[0, :, 0] = z[0]
    region = seen_region(path, z)
    x, _, along = region.centers
    cells = region.cells.any(axis=1)
    near = np.abs(x[:, None] - along) < 101.0
    assert cells[near & (along > 0) & (along < 2200)].all() == cells[near & (along > 0) & (along < 2200)].any()
    assert not cells[np.abs(x[:, None] - along) > 350.0].any()


def test_too_few_tracks_for_the_modes():
    tracks = TrackPairs(starts(60), np.zeros((60, 4)))
    with pytest.raises(UserError) as error:
        choose_fit(tracks, tracks, [(6, 10)], [1e-8], NONE)
    expected = "Expected at least 105 for 417 coefficients, or fewer modes. Received 60."
    assert str(error.value) == f"fit-field: too few tracks for the modes. {expected}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "shape"),
    [(GaussianDipole(maxwell=True), 0.2), (TwoDipoles(), 0.01)],
    ids=["gaussian_dipole", "two_dipoles"],
)
def test_known_fields_come_back_from_4000_tracks(field, shape):
    """The ends to 20 um, the integral to 1e-3: two ends decide integrals of the field, its shape along z less."""
    tracks = tracks_through(field, 4000, (5.0, 100.0))
    used, left = tracks.take(slice(0, 3600)), tracks.take(slice(3600, None))
    best = choose_fit(used, left, [(4, 10)], [1e-9, 1e-10], NONE)[0]
    assert best.distances.mean() < 0.02
    z = np.linspace(2665.0, 7826.0, 500)
    integrals, _ = FittedField.of(best.fit, used, left).integrals()
    assert integrals[1] == pytest.approx(np.trapezoid(field(0.0 * z, 0.0 * z, z)[1], z * 1e-3), rel=1e-3)
    assert difference_on_tracks(best.fit, used, field) < shape
