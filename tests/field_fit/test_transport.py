import numpy as np
import pytest

from app.field_fit.transport import TrackPairs, derivatives, follow_tracks
from app.physics.fields.harmonic import Harmonic
from app.physics.harmonic_file import SeenRegion
from app.physics.harmonic_modes import HarmonicModes
from app.physics.runge_kutta import rk4

MODES = HarmonicModes(x=3, z=3, half_x=3800.0, half_z=9200.0, center=5245.0, height=1500.0)
WIDE = SeenRegion(np.ones((1, 1, 1), bool), np.array([-9e3, -9e3, 0.0]), np.array([9e3, 9e3, 9e3]))
RANDOM = np.random.default_rng(0)
W = 0.1 * RANDOM.normal(size=MODES.shape) * MODES.present(False, False)


def starts(count, z=2665.0, dz=5161.0):
    state = RANDOM.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (count, 4))
    qop = RANDOM.choice([-1, 1], count) / RANDOM.uniform(4, 40, count)
    return np.column_stack([state, qop, np.broadcast_to(z, count), np.broadcast_to(dz, count)])


@pytest.mark.parametrize("dz", [5161.0, -2000.0])
def test_tracks_are_those_of_runge_kutta_in_the_same_field(dz):
    tracks, field = starts(20, z=np.linspace(2600, 2700, 20), dz=dz), Harmonic.of_modes(MODES, W, WIDE)
    expected = np.stack(rk4(field, tuple(tracks[:, :4].T), tracks[:, 4], tracks[:, 5], tracks[:, 6], 12), axis=1)
    found = follow_tracks(MODES, W, tracks, 12)
    assert found.shape == (20, 13, 4)
    assert np.allclose(found[:, 0], tracks[:, :4])
    assert np.allclose(found[:, -1], expected, rtol=0, atol=1e-8)


def test_derivatives_are_the_differences_of_tracks_in_other_fields():
    """The largest of them is half a metre for 1 T; at 24 steps the integration leaves 1e-5 of that."""
    tracks = starts(5)
    ((rows, found),) = derivatives(MODES, W, tracks, follow_tracks(MODES, W, tracks, 24))
    numerical = np.empty((5, 4, W.size))
    for i in range(W.size):
        change = 1e-5 * np.eye(W.size)[i].reshape(W.shape)
        plus, minus = (follow_tracks(MODES, W + s * change, tracks, 24)[:, -1] for s in (1, -1))
        numerical[..., i] = (plus - minus) / 2e-5
    assert rows == slice(0, 256)
    assert np.abs(numerical[:, 0]).max() > 400.0
    for component in range(4):
        largest = np.abs(numerical[:, component]).max()
        assert np.allclose(found[:, component], numerical[:, component], rtol=0, atol=2e-5 * largest)


def test_pairs_can_be_chosen():
    pairs = TrackPairs(starts(4), np.arange(16.0).reshape(4, 4)).take([2, 0])
    assert len(pairs) == 2
    assert pairs.end[0].tolist() == [8.0, 9.0, 10.0, 11.0]
