"""Tracks through a field by compiled Runge-Kutta steps, on all cores; fields of one's own by XLA."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from app.core.system import cores
from app.physics.arrays import Array
from app.physics.fields.field_map import FieldMap
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.harmonic import Harmonic
from app.physics.fields.toroid import LEAST_RADIUS, Toroid
from app.physics.fields.two_dipoles import CUBIC_MM_PER_CUBIC_M, TwoDipoles
from app.physics.fields.uniform import Uniform
from app.physics.magnetic_field import Field
from app.physics.propagation import Propagated, Propagator

SHARE = 4096
"""Tracks that a thread takes at a time."""
Tables = tuple[Any, ...]


class CompiledPropagator:
    """RK4 in a field of the catalog for any number of tracks, in float64.

    Args:
        field: one that `compiled_tables` knows.
        threads: by default one per core.
    """

    def __init__(self, field: Field, threads: int | None = None) -> None:
        self.field, self.threads = field, threads or cores()
        self.name, self.tables = compiled_tables(field) or ("", ())

    def __call__(self, state: Array, qop: Array, z_start: Array, dz: Array, steps: int) -> Propagated:
        """Advance tracks as `Propagator` does."""
        from datasets.simulate.tracks import compiled_rk4

        run = getattr(compiled_rk4, self.name)
        shared, count = not (np.ndim(z_start) or np.ndim(dz)), len(state)
        columns, left = np.empty((7, count)), np.zeros(count, np.bool_)
        columns[:4], columns[4], columns[5], columns[6] = np.asarray(state).T, qop, z_start, dz

        def work(first: int) -> None:
            run(self.tables, columns, left, first, min(first + SHARE, count), int(steps), shared)

        with ThreadPoolExecutor(self.threads) as pool:
            deque(pool.map(work, range(0, count, SHARE)), 0)  # reading the results raises what a thread raised
        return Propagated(np.ascontiguousarray(columns[:4].T), left)


def propagator_of(field: Field) -> CompiledPropagator | Propagator:
    """Return the fastest propagation in a field."""
    made = CompiledPropagator(field)
    return made if made.name else Propagator(field)


def compiled_tables(field: Field) -> tuple[str, Tables] | None:
    """Return the name in `compiled_rk4` of a field of the catalog and its numbers; None for any other field."""
    if type(field) is FieldMap:
        return "field_map", _map_tables(field)
    if type(field) is Harmonic:
        return "harmonic", _harmonic_tables(field)
    if type(field) is GaussianDipole:
        values = (field.peak, field.center, 1.0 / field.sigma)
        return "maxwell_dipole" if field.maxwell else "gaussian_dipole", (_reals(*values),)
    if type(field) is Uniform:
        return "uniform", (_reals(field.bx, field.by, field.bz),)
    if type(field) is TwoDipoles:
        return "two_dipoles", (_reals(field.strength * CUBIC_MM_PER_CUBIC_M, field.height, field.center),)
    if type(field) is Toroid:
        edges = (*field.r, *field.z, 1.0 / field.edge)
        return "toroid", (_reals(1000.0 * field.strength, *edges, LEAST_RADIUS**2),)
    return None


def _map_tables(field: FieldMap) -> Tables:
    nodes = np.pad(np.moveaxis(field.values, 2, 0), [(0, 0)] * 3 + [(0, 1)])
    last = tuple(n - 2 for n in field.values.shape[:3])
    return _reals(*field.low, *field.high, *field.per_mm), nodes.reshape(-1), last


def _harmonic_tables(field: Harmonic) -> Tables:
    modes, region = field.modes, field.region
    over_k = field.w * modes.scale_per_k[..., None, None, None]
    waves = _reals(np.pi / modes.half_x, np.pi / modes.half_z, modes.center, field.w[0, 0, 0, 0, 0])
    count = region.cells.shape
    cells = _reals(*region.low, *(count / (region.high - region.low)))
    box = _reals(*field.low, *field.high)
    return box, waves, modes.k, over_k, not field.symmetry.mirror_x, cells, count, region.cells.reshape(-1)


def _reals(*values: float) -> tuple[float, ...]:
    return tuple(map(float, values))
