"""Track states to write into files."""

from __future__ import annotations

import numpy as np
import pytest


def _tracks(rows=20, seed=1):
    """Columns of tracks through no field, in float64."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(2, 100, rows)
    columns = {
        "x": rng.uniform(-300, 300, rows),
        "y": rng.uniform(-250, 250, rows),
        "tx": rng.uniform(-0.3, 0.3, rows),
        "ty": rng.uniform(-0.25, 0.25, rows),
        "qop": rng.choice([-1.0, 1.0], rows) / p,
        "dz": np.full(rows, 5161.0),
        "p": p,
    }
    ends = {"x": columns["x"] + 5161 * columns["tx"], "y": columns["y"] + 5161 * columns["ty"]}
    return columns | {f"true_{n}": v for n, v in (ends | {"tx": columns["tx"], "ty": columns["ty"]}).items()}


@pytest.fixture(scope="session")
def tracks():
    """The function tracks(rows=20, seed=1)."""
    return _tracks
