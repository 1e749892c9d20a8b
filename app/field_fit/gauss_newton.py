"""Coefficients of harmonic modes from tracks, by damped Gauss-Newton steps with a prior against short waves."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.core.interruption import check
from app.field_fit.transport import TrackPairs, derivatives, follow_tracks
from app.physics.harmonic_modes import Floats, HarmonicModes

REFERENCE = 0.1
"""Charge over momentum [1/GeV] at which residuals have the weight 1."""
SLOPE_ARM = 0.4
"""A residual of a slope counts as much as one of the position that it makes over this share of dz."""
ENOUGH = 3e-3
"""The fit ends when a step lowers the cost by less than this share."""
LEAST_DAMPING = 1e-9
PASSES = 2
"""How often a robust fit weighs its tracks anew."""
LOST = 1e6
"""Weighted residual [mm] of a track that does not stay finite."""


@dataclass(frozen=True)
class FitOptions:
    """How tracks are weighed, and what is expected of coefficients.

    The prior adds `strength (1 + (k / k_0)^2)^2 w^2` for each coefficient and track to the squares of the residuals.

    Attributes:
        strength: of the prior [mm^2 / T^2], for modes that are even in x and in y.
        odd: the factor by which the prior of the other modes is stronger: a magnet is nearly symmetric.
        shortest: k_0, the wave number from which the prior rises [1/mm].
        weight_power: residuals count with |q/p|^-power: what is missing in the field moves slow tracks more.
        robust: tracks whose residual is larger than so many medians count less, as for a Student t distribution of one
            degree of freedom; 0 for least squares.
        steps: of RK4, an even number.
        iterations: the most Gauss-Newton steps.
    """

    strength: float = 2e-3
    odd: float = 100.0
    shortest: float = 2e-3
    weight_power: float = 0.7
    robust: float = 0.0
    steps: int = 24
    iterations: int = 12

    def prior(self, modes: HarmonicModes) -> Floats:
        """Return what each squared coefficient costs per track, (number of coefficients,)."""
        wave = (1.0 + (modes.k / self.shortest) ** 2) ** 2
        costs = self.strength * np.broadcast_to(wave[:, :, None, None, None], modes.shape)
        return np.where(modes.present(True, True), costs, self.odd * costs).reshape(-1)

    def weights(self, tracks: TrackPairs) -> Floats:
        """Return the weights of the residuals, (N, 4)."""
        size = np.abs(tracks.start[:, 4]) / REFERENCE
        arm = SLOPE_ARM * np.abs(tracks.start[:, 6])
        return size[:, None] ** -self.weight_power * np.stack([np.ones_like(arm), np.ones_like(arm), arm, arm], axis=1)

    def shares(self, weighted: Floats) -> Floats:
        """Return the factors of the weights of tracks that miss by weighted residuals (N, 4): (N, 1)."""
        squares: Floats = (weighted * weighted).sum(axis=1, keepdims=True)
        if not self.robust:
            return np.ones_like(squares)
        usual = self.robust**2 * max(float(np.median(squares)), np.finfo(float).tiny)
        factors: Floats = 1.0 / np.sqrt(1.0 + squares / usual)
        return factors


@dataclass(frozen=True)
class FieldFit:
    """The result of a fit.

    Attributes:
        modes: of which the field is the sum.
        w: their coefficients [T], of the modes' shape.
        active: which of them were fitted, flat.
        information: inverse of their covariance for weighted residuals of 1 mm, (n, n) for n active ones.
        options: of the fit.
        converged: whether the last step changed next to nothing.
    """

    modes: HarmonicModes
    w: Floats
    active: NDArray[np.bool_]
    information: Floats
    options: FitOptions
    converged: bool

    def residuals(self, tracks: TrackPairs) -> Floats:
        """Return true minus fitted state at the end plane, (N, 4)."""
        end: Floats = tracks.end - follow_tracks(self.modes, self.w, tracks.start, self.options.steps)[:, -1]
        return end


@dataclass
class _Point:
    """Coefficients, and what tracks do with them: their ways, weighted residuals, and the cost per track."""

    w: Floats
    paths: Floats
    residuals: Floats
    cost: float


@dataclass(frozen=True)
class _Problem:
    modes: HarmonicModes
    active: NDArray[np.bool_]
    tracks: TrackPairs
    options: FitOptions
    weights: Floats
    prior: Floats

    def at(self, w: Floats) -> _Point:
        """Follow all tracks."""
        paths = follow_tracks(self.modes, w, self.tracks.start, self.options.steps)
        with np.errstate(over="ignore", invalid="ignore"):
            r = np.clip((self.tracks.end - paths[:, -1]) * self.weights, -LOST, LOST)
        r = np.where(np.isfinite(r), r, LOST)
        return _Point(w, paths, r, float((r * r).sum() / len(r) + self.prior @ w.reshape(-1)[self.active] ** 2))

    def equations(self, point: _Point) -> tuple[Floats, Floats]:
        """Return the matrix and the right side of the step, both for the sum over tracks."""
        count = int(self.active.sum())
        matrix, side = len(self.tracks) * np.diag(self.prior), -len(self.tracks) * self.prior
        side *= point.w.reshape(-1)[self.active]
        for rows, jacobian in derivatives(self.modes, point.w, self.tracks.start, point.paths):
            check()
            j = (jacobian[:, :, self.active] * self.weights[rows][:, :, None]).reshape(-1, count)
            matrix += j.T @ j
            side += j.T @ point.residuals[rows].reshape(-1)
        return matrix, side

    def step(self, point: _Point, damping: float) -> tuple[_Point, float, Floats]:
        """Return the point after a step, the same one where none lowers the cost, the next damping, and the matrix."""
        matrix, side = self.equations(point)
        scale = np.diag(np.diag(matrix))
        for _ in range(8):
            change = np.zeros(self.active.size)
            change[self.active] = np.linalg.solve(matrix + damping * scale, side)
            new = self.at(point.w + change.reshape(point.w.shape))
            if new.cost < point.cost:
                return new, max(damping / 10.0, LEAST_DAMPING), matrix
            damping = max(damping * 30.0, 1e-5)
        return point, damping, matrix

    def solve(self, w: Floats, progress: Callable[[int, float], None]) -> FieldFit:
        """Make steps from coefficients `w` until one lowers the cost by next to nothing."""
        point, damping, converged = self.at(w), LEAST_DAMPING, False
        for iteration in range(self.options.iterations):
            before = point.cost
            point, damping, matrix = self.step(point, damping)
            progress(iteration, point.cost)
            converged = before - point.cost < ENOUGH * before
            if converged:
                break
        return FieldFit(self.modes, point.w, self.active, matrix, self.options, converged)


def fit_coefficients(
    modes: HarmonicModes,
    active: NDArray[np.bool_],
    tracks: TrackPairs,
    options: FitOptions,
    w: Floats,
    progress: Callable[[int, float], None] = lambda iteration, cost: None,
) -> FieldFit:
    """Fit the coefficients of the active modes.

    Each step solves `(J^T W J + prior + damping) change = J^T W r - prior w`, with the derivatives J of the end states
    from the variational equations; the damping falls after a step that lowers the cost, and rises until one does.

    Args:
        modes: of which the field is the sum.
        active: which modes have a coefficient, of their shape.
        tracks: to fit.
        options: weights and prior.
        w: coefficients [T] to begin with; zero will do.
        progress: called after each step with its number and the cost per track.
    """
    flat, weights = active.reshape(-1), options.weights(tracks)
    problem = _Problem(modes, flat, tracks, options, weights, options.prior(modes)[flat])
    fit = problem.solve(w * active, progress)
    for _ in range(PASSES if options.robust else 0):
        shares = options.shares(fit.residuals(tracks) * weights)
        fit = replace(problem, weights=weights * shares).solve(fit.w, progress)
    return fit
