"""The number of modes and the strength of the prior, chosen on tracks that were left out of the fit."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.core.errors import Problem, UserError
from app.field_fit.gauss_newton import REFERENCE, FieldFit, FitOptions, fit_coefficients
from app.field_fit.transport import TrackPairs
from app.physics.harmonic_modes import HarmonicModes
from app.physics.units import LIGHT_SPEED

log = logging.getLogger(__name__)
COARSE, COARSE_TRACKS, COARSE_FACTOR = (4, 7), 1000, 100.0
"""The first fit, which begins without a field and is even: modes, how many of the fastest tracks, a stronger prior.

The way of a fast track is nearly known, so that its end is nearly linear in the coefficients.
"""
MODES = ((6, 10), (10, 13), (12, 20))
PRIORS = (1e-7, 1e-8, 1e-9)
WAVES_PER_LENGTH = 10.0
"""The prior rises from the wave number that this is over the distance of the planes."""
ACROSS, LEAST_ACROSS, ALONG = 1.35, 0.3, 1.8
"""Half periods: in x over the largest |x|, at least over the distance of the planes; in z over that distance."""


@dataclass(frozen=True)
class Tried:
    """One fit, and the distances [mm] between tracks left out and where it sends them."""

    fit: FieldFit
    prior: float
    distances: np.ndarray[tuple[int], np.dtype[np.float64]]

    @property
    def mean(self) -> float:
        """The mean distance [mm], by which fits are compared."""
        return float(self.distances.mean())

    @property
    def figures(self) -> list[str]:
        """Mean, median, 95 % and largest distance [mm]."""
        d = self.distances
        return [f"{v:.4f}" for v in (self.mean, np.median(d), np.quantile(d, 0.95), d.max())]

    @property
    def row(self) -> list[str]:
        """What is shown of it."""
        modes = self.fit.modes
        return [f"{modes.x} x {modes.z}", str(int(self.fit.active.sum())), f"{self.prior:g}", *self.figures]


HEADER = ["modes in x and z", "coefficients", "prior", "mean [mm]", "median [mm]", "95 % [mm]", "largest [mm]"]


def choose_fit(
    tracks: TrackPairs,
    left_out: TrackPairs,
    modes: Sequence[tuple[int, int]],
    priors: Sequence[float],
    even: tuple[bool, bool],
    robust: float = 0.0,
) -> list[Tried]:
    """Fit tracks with each number of modes and each prior, from few modes to many and from strong priors to weak ones.

    Each fit begins with the result of the one before. A number of modes is left when its prior no longer gains.

    Args:
        tracks: to fit.
        left_out: to compare by, in the mean distance.
        modes: numbers of waves in x and z.
        priors: in units of the squared displacement that 1 T makes at 10 GeV.
        even: whether the field is even in x, and in y.
        robust: how many medians a residual may have before its track counts less, 0 for least squares.

    Returns:
        All fits, the best one first.

    Raises:
        UserError: too few tracks for the fewest modes.
    """
    allowed = [m for m in modes if _present(tracks, m, even) <= 4 * len(tracks)]
    if not allowed:
        few = min(_present(tracks, m, even) for m in modes)
        expected = f"at least {-(-few // 4)} for {few} coefficients, or fewer modes"
        raise UserError(
            Problem("too few tracks for the modes", ("fit-field",), expected=expected, received=len(tracks))
        )
    dz = float(np.median(np.abs(tracks.start[:, 6])))
    scale = (0.5 * LIGHT_SPEED * REFERENCE * dz * dz) ** 2
    options = FitOptions(shortest=WAVES_PER_LENGTH / dz, strength=scale * COARSE_FACTOR * max(priors))
    coarse = geometry(tracks, COARSE)
    fastest = tracks.take(np.argsort(np.abs(tracks.start[:, 4]))[:COARSE_TRACKS])
    total = len(allowed) * len(priors)
    plural = "s" * (total > 1)
    log.info(
        "at most %d fit%s, after a first one of %d tracks with %d x %d modes", total, plural, len(fastest), *COARSE
    )
    fit = fit_coefficients(coarse, coarse.present(True, True), fastest, options, np.zeros(coarse.shape))
    tried = list[Tried]()
    for row, shape in enumerate(allowed):
        first = row * len(priors) + 1
        for number, prior in enumerate(sorted(priors, reverse=True), first):
            log.info("fit %d of %d: %d x %d modes, prior %g", number, total, *shape, prior)
            fit = _refine(fit, tracks, shape, replace(options, strength=scale * prior, robust=robust), even)
            tried.append(Tried(fit, prior, np.hypot(*fit.residuals(left_out).T[:2])))
            log.info("  left out: mean %s, median %s, 95 %% %s, largest %s mm", *tried[-1].figures)
            if number > first and tried[-1].mean > tried[-2].mean:
                break
        fit = min(tried, key=lambda t: t.mean).fit
    return sorted(tried, key=lambda t: t.mean)


def geometry(tracks: TrackPairs, shape: tuple[int, int]) -> HarmonicModes:
    """Return modes whose periods reach beyond the tracks and whose origin lies between the planes."""
    z = np.concatenate([tracks.start[:, 5], tracks.start[:, 5] + tracks.start[:, 6]])
    ends = np.concatenate([tracks.start[:, :2], tracks.end[:, :2]])
    length, (x, y) = float(np.ptp(z)), np.abs(ends).max(axis=0)
    across = max(ACROSS * float(x), LEAST_ACROSS * length)
    return HarmonicModes(*shape, across, ALONG * length, float(z.min() + z.max()) / 2.0, max(float(y), 0.1 * length))


def _present(tracks: TrackPairs, shape: tuple[int, int], even: tuple[bool, bool]) -> int:
    return int(geometry(tracks, shape).present(*even).sum())


def _refine(
    before: FieldFit, tracks: TrackPairs, shape: tuple[int, int], options: FitOptions, even: tuple[bool, bool]
) -> FieldFit:
    modes = geometry(tracks, shape)
    x, z = min(modes.x, before.modes.x), min(modes.z, before.modes.z)
    w = np.zeros(modes.shape)
    w[:x, :z] = before.w[:x, :z]  # the same periods, so that a wave has the same number in both

    def progress(iteration: int, cost: float) -> None:
        log.info("  step %d: cost per track %.5g mm^2", iteration + 1, cost)

    return fit_coefficients(modes, modes.present(*even), tracks, options, w, progress)
