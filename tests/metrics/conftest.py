"""Exact tracks through a Gaussian dipole By(z): the kick is the field integral, positions follow by quadrature."""

import math

import numpy as np
import pytest

C = 2.99792458e-4  # GeV / (T mm)
B0, CENTRE, SIGMA = -1.0182, 5007.0, 1744.0
_erf = np.vectorize(math.erf, otypes=[float])


def _integral(z0, z):
    """Integral of By from z0 to z [T mm]."""
    scale = SIGMA * math.sqrt(2)
    return B0 * SIGMA * math.sqrt(math.pi / 2) * (_erf((z - CENTRE) / scale) - math.erf((z0 - CENTRE) / scale))


def propagate(columns, z_start=2665.0):
    """Return x, y, tx, ty at z_start + dz (one dz for all tracks)."""
    x, y, tx, ty, qop = (columns[name] for name in ("x", "y", "tx", "ty", "qop"))
    dz = float(columns["dz"][0])
    norm = np.sqrt(1 + tx**2 + ty**2)
    u, v = tx / norm, ty / norm
    nodes, weights = np.polynomial.legendre.leggauss(40)
    z = z_start + (nodes + 1) * dz / 2

    def slopes(integral):
        along = u - C * qop * integral
        forward = np.sqrt(1 - along**2 - v**2)
        return along / forward, v / forward

    out_x, out_y = np.array(x, float), np.array(y, float)
    for integral, weight in zip(_integral(z_start, z), weights * dz / 2, strict=True):
        sx, sy = slopes(integral)
        out_x, out_y = out_x + weight * sx, out_y + weight * sy
    sx, sy = slopes(float(_integral(z_start, np.array(z_start + dz))))
    return {"x": out_x, "y": out_y, "tx": sx, "ty": sy}


def _tracks(rows, seed, momentum=(2.0, 100.0), dz=5161.0):
    """Return columns x, y, tx, ty, qop, dz and true_<target>, sampled as in the default simulation."""
    random = np.random.default_rng(seed)
    p = np.exp(random.uniform(*np.log(momentum), rows))
    columns = {
        "x": random.uniform(-300, 300, rows),
        "y": random.uniform(-250, 250, rows),
        "tx": random.uniform(-0.3, 0.3, rows),
        "ty": random.uniform(-0.25, 0.25, rows),
        "qop": random.choice([-1.0, 1.0], rows) / p,
        "dz": np.full(rows, dz),
    }
    return columns | {f"true_{name}": values for name, values in propagate(columns).items()}


@pytest.fixture(scope="session")
def tracks():
    """The function tracks(rows, seed, momentum=(2, 100), dz=5161)."""
    return _tracks
