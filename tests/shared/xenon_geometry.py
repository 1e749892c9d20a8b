"""Positions in the xenon calorimeter from its curved coordinates, the inverse of `to_uvw`."""

import numpy as np

from app.physics.xenon_calorimeter import R_INNER


def to_xyz(uvw):
    """Return (..., 3) x, y, z of points (..., 3) u, v, w [cm]."""
    u, v, w = np.moveaxis(np.asarray(uvw, np.float64), -1, 0)
    phi, r = np.pi - v / R_INNER, R_INNER + w
    return np.stack([r * np.cos(phi), r * np.sin(phi), u], axis=-1)
