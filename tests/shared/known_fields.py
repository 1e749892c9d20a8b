"""Tracks through a field that is known, and how well a fit gives it back."""

import numpy as np

from app.field_fit.transport import TrackPairs, follow_tracks
from app.physics.propagation import survives
from app.physics.runge_kutta import rk4


def tracks_through(field, count, momentum, z=(2665.0, 7826.0), spread=(300, 250, 0.2, 0.2)):
    """Return start and end states of tracks through a field, of those that stay within reason."""
    random = np.random.default_rng(4)
    state = random.uniform(-np.array(spread), spread, (count, 4))
    qop = random.choice([-1, 1], count) / random.uniform(*momentum, count)
    end = np.stack(rk4(field, tuple(state.T), qop, z[0], z[1] - z[0], 100), axis=1)
    start = np.column_stack([state, qop, np.full(count, z[0]), np.full(count, z[1] - z[0])])
    good = survives(end)
    return TrackPairs(start[good], end[good])


def difference_on_tracks(fit, tracks, field):
    """Return the largest difference of By on the tracks over the largest By there, at 99 % of the places."""
    paths = follow_tracks(fit.modes, fit.w, tracks.start, 24)
    z = tracks.start[:, 5, None] + tracks.start[:, 6, None] * np.linspace(0, 1, 25)
    places = np.stack([paths[..., 0], paths[..., 1], z], axis=-1).reshape(-1, 3)[::7]
    fitted = np.einsum("nxyjkl,xyjkl->n", fit.modes.fields(places)[:, 1], fit.w)
    true = np.broadcast_to(field(*places.T)[1], fitted.shape)
    return np.quantile(np.abs(fitted - true), 0.99) / np.abs(true).max()
