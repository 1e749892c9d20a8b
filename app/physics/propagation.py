"""Propagation of many tracks by RK4, compiled by XLA, in blocks that fit the cache, on all cores."""

import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.libraries import tf
from app.core.system import cores
from app.physics.arrays import Array
from app.physics.magnetic_field import Field, beyond
from app.physics.runge_kutta import rk4_step

BLOCK = 4096
"""Tracks in a block: its arrays fit the cache and are just below the size at which XLA splits loops itself."""
MOST_STEPS = 4096


class Propagated(NamedTuple):
    """`state` (N, 4) at the end; `outside` (N,): whether the track was where the field is not known at some point."""

    state: NDArray[np.floating[Any]]
    outside: NDArray[np.bool_]


class Propagator:
    """RK4 in a given field for any number of tracks.

    Args:
        field: B(x, y, z) [T].
        dtype: precision of the integration.
        threads: number of blocks that are computed at once; by default one per core.
    """

    def __init__(self, field: Field, dtype: str = "float64", threads: int | None = None, block: int = BLOCK) -> None:
        self.field, self.dtype, self.block = field, np.dtype(dtype), block
        self.threads = threads or cores()

    def __call__(self, state: Array, qop: Array, z_start: Array, dz: Array, steps: int) -> Propagated:
        """Advance tracks by dz in `steps` equal steps.

        Args:
            state: x, y [mm], tx, ty at z_start, shape (N, 4).
            qop: charge over momentum [1/GeV], shape (N,).
            z_start: z at which the tracks begin [mm], a number or of shape (N,); one number for all is faster.
            dz: distance in z [mm], negative to go backward, a number or of shape (N,).
            steps: number of steps.

        Returns:
            The states at z_start + dz, shape (N, 4), and which tracks left where the field is known.
        """
        columns = np.ascontiguousarray(np.asarray(state, self.dtype).T)
        along = [np.asarray(value, self.dtype) for value in (qop, z_start, dz)]
        run = _compiled(self.field, self.dtype.name)
        count, result = columns.shape[1], np.empty_like(columns)
        outside = np.zeros(count, np.bool_)

        def work(first: int) -> None:
            rows = slice(first, min(first + self.block, count))
            size = rows.stop - first
            parts = [_padded(value[..., rows] if value.ndim else value, self.block) for value in (columns, *along)]
            end, left = run(*parts, np.int32(steps))
            result[:, rows], outside[rows] = end.numpy()[:, :size], left.numpy()[:size]

        starts = range(0, count, self.block)
        with ThreadPoolExecutor(self.threads) as pool:
            deque(pool.map(work, starts), 0)  # reading the results raises what a thread raised
        return Propagated(np.ascontiguousarray(result.T), outside)


@lru_cache(maxsize=8)
def _compiled(field: Field, dtype: str) -> Callable[..., Any]:
    """Return the loop over steps as one XLA program, compiled again only for another block or rank of z_start or dz."""

    def known(state: Any, z: Array) -> Array:
        return tf.ones_like(state[0], tf.bool) & field.inside(state[0], state[1], z)

    def run(columns: Array, qop: Array, z_start: Array, dz: Array, steps: Array) -> Array:
        h = dz / tf.cast(steps, dtype)

        def body(step: Array, left: Array, *state: Array) -> tuple[Array, ...]:
            z = z_start + h * tf.cast(step, dtype)
            left = left | ~known(state, z)
            return (step + 1, left, *rk4_step(field, state, qop, z, h))

        start = (tf.constant(0), tf.zeros_like(qop, tf.bool), *tf.unstack(columns))
        end = tf.while_loop(lambda step, *_: step < steps, body, start)
        return tf.stack(end[2:]), end[1] | ~known(end[2:], z_start + dz)

    return tf.function(run, jit_compile=True, autograph=False)  # type: ignore[no-any-return]


def _padded(values: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a full block, filled with the last track, so that one compiled shape serves all blocks."""
    missing = size - values.shape[-1] if values.ndim else 0
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)], mode="edge") if missing else values


class Propagates(Protocol):
    """RK4 of whatever kind, in a field."""

    @property
    def field(self) -> Field:
        """B(x, y, z) [T]."""

    def __call__(self, state: Array, qop: Array, z_start: Array, dz: Array, steps: int) -> Propagated:
        """Advance tracks as `Propagator` does."""


def steps_for(propagator: Propagates, state: Array, qop: Array, z_start: Array, dz: Array, accuracy: float) -> int:
    """Return the number of RK4 steps that keeps the position error of these tracks below `accuracy` [mm].

    The method is step doubling: the difference between n and 2n steps is 15/16 of the error with n steps. Tracks that
    do not stay finite, or leave the region that `survives` describes, do not count. Between two powers of two the law
    error ~ n^-4 proposes a number, which is then checked.

    Raises:
        UserError: the accuracy is not reached with MOST_STEPS steps, e.g. in a coarse field map, or beyond its sides.
    """
    coarse, steps = propagator(state, qop, z_start, dz, 1).state, 1
    while steps <= MOST_STEPS:
        fine, outside = propagator(state, qop, z_start, dz, 2 * steps)
        good = survives(fine)
        apart, left = distances(coarse[good], fine[good]), outside[good]
        if np.max(apart, initial=0.0) <= accuracy:
            break
        coarse, steps = fine, 2 * steps
    else:
        what = "cannot be reached"
        expected = f"an accuracy that {MOST_STEPS} steps reach; this field gives {np.max(apart):.2g} mm there"
        if left.any():
            what += f": {left.sum()} of {len(left)} tracks {beyond(propagator.field)}"
            expected += f", and {np.max(apart[~left], initial=0.0):.2g} mm for tracks that stay inside, which"
            expected += " narrower ranges of positions and slopes or a larger map give"
        raise UserError(Problem(what, ("accuracy",), expected=expected, received=accuracy))

    def error(number: int) -> float:
        return float(
            np.max(distances(propagator(state, qop, z_start, dz, number).state[good], fine[good]), initial=0.0)
        )

    proposal = max(steps // 2 + 1, math.ceil(1.02 * steps * (error(steps) / accuracy) ** 0.25))
    return proposal if proposal < steps and error(proposal) <= accuracy else steps


def distances(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Return the distances in x and y [mm] between two sets of states (N, 4), (N,)."""
    apart: NDArray[Any] = np.hypot(*(one - other)[:, :2].T)
    return apart


def survives(state: NDArray[Any], position: float = 5000.0, slope: float = 2.0) -> NDArray[np.bool_]:
    """Return which states are finite with |x|, |y| below `position` [mm] and |tx|, |ty| below `slope`; shape (N,)."""
    size = np.abs(state)
    kept: NDArray[np.bool_] = (size <= (position, position, slope, slope)).all(axis=-1)
    return kept
