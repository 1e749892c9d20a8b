"""The momentum of a muon from the circle through three stations: no network, constants fitted on training events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.core.errors import WirechamberError
from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted
from app.metrics.statistics.bins import MOST_PT

LOSSES = np.arange(0.0, 6.01, 0.25)
"""The fit tries these energies [GeV] lost before the magnet."""
BINS_PER_ETA = 10
STRIDE = 64
"""A group is numbered stations * STRIDE + bin of |eta|; there are fewer bins than this."""
FEWEST = 20
"""A constant is fitted only where there are this many training events."""

Floats = NDArray[np.float64]


@BASELINES(
    "sagitta_fit",
    inputs=("curvature", "stations", "line_eta"),
    targets=("pt", "q_over_pt", "p", "charge", "positive"),
    classes=None,
)
def sagitta_fit(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """p = a / |curvature| + b from the circle through three stations, the charge from its sign, pT = p / cosh(eta).

    In a uniform field a would be 0.3 B. Here it is the median of |curvature| (p - b) of the training events: one for
    every three stations and every 0.1 of |eta|; where these have fewer than 20 events, one for the stations, or one for
    all. The energy b that is lost before the magnet is common to all and minimises the median error. Segments of drift
    tubes enter the circle with the better choice of the sides: it uses all measurements of the tubes except two angles
    of the segments.

    Args:
        train: curvature [1/m], stations, line_eta, and truth under `true_pt` [GeV], `true_eta`, `true_charge`; (N,).
        validation: not used.
        targets: which of pt, p [GeV], q_over_pt [1/GeV], charge (+1, -1), positive (1, 0) to give.

    Returns:
        The baseline; it reads curvature, stations, line_eta. An event without three stations gets the median 1/pT of
        the training events, and the positive charge.

    Raises:
        WirechamberError: there is no training event with three stations.
    """
    known = np.isfinite(train["curvature"]) & (train["curvature"] != 0) & np.isfinite(train["line_eta"])
    if not known.any():
        raise WirechamberError("no training event has hits in three stations")
    p = train["true_pt"] * np.cosh(train["true_eta"])
    bending = np.asarray(train["curvature"] * train["true_charge"], np.float64)[known]
    group = _groups(train["stations"], train["line_eta"])[known]
    fits = [_Fit.of(group, bending, p[known], loss) for loss in LOSSES]
    errors = [np.median(np.abs(fit(group, bending) / p[known] - 1)) for fit in fits]
    best = fits[int(np.argmin(errors))]
    middle = float(np.median(train["true_pt"]))

    def predict(columns: Columns) -> Predicted:
        values = _momentum(columns, best, middle)
        return {target: values[target] for target in targets}

    description = f"circle through three stations, {len(best.constants)} constants, {best.loss:g} GeV lost before it"
    return Baseline(description, predict)


@dataclass(frozen=True)
class _Fit:
    """p = a / |curvature| + loss, a by group."""

    loss: float
    constants: dict[int, float]
    whole: float

    @classmethod
    def of(cls, group: NDArray[np.intp], bending: Floats, p: Floats, loss: float) -> _Fit:
        each = bending * (p - loss)
        constants: dict[int, float] = {}
        for number in (group, -1 - group // STRIDE):
            for group_number in np.unique(number):
                chosen = each[number == group_number]
                if len(chosen) >= FEWEST:
                    constants[int(group_number)] = float(np.median(chosen))
        return cls(loss, constants, float(np.median(each)))

    def __call__(self, group: NDArray[np.intp], bending: Floats) -> Floats:
        """Return the momenta [GeV], with the sign that the curvature gives the charge."""
        names, place = np.unique(group, return_inverse=True)
        by_stations = {name: self.constants.get(-1 - name // STRIDE, self.whole) for name in names.tolist()}
        a = np.array([self.constants.get(name, constant) for name, constant in by_stations.items()])
        bent = bending / np.where(a == 0.0, 1.0, a)[place]
        size = 1.0 / np.maximum(np.abs(bent), 1.0 / MOST_PT) + self.loss
        return np.asarray(np.where(bent < 0, -size, size))


def _groups(stations: NDArray[np.floating], eta: NDArray[np.floating]) -> NDArray[np.intp]:
    bins = np.minimum(np.nan_to_num(np.abs(eta)) * BINS_PER_ETA, STRIDE - 1)
    groups: NDArray[np.intp] = np.asarray(stations, np.intp) * STRIDE + bins.astype(np.intp)
    return groups


def _momentum(columns: Columns, fit: _Fit, middle: float) -> Predicted:
    curvature, eta = (np.asarray(columns[name], np.float64) for name in ("curvature", "line_eta"))
    known = np.isfinite(curvature) & np.isfinite(eta)
    signed = fit(_groups(columns["stations"], eta), np.where(known, curvature, 1.0))
    slope = np.cosh(np.where(known, eta, 0.0))
    pt = np.where(known, np.abs(signed) / slope, middle)
    charge = np.where(known & (signed < 0), -1.0, 1.0)
    return {"pt": pt, "p": pt * slope, "q_over_pt": charge / pt, "charge": charge, "positive": (charge > 0) * 1.0}
