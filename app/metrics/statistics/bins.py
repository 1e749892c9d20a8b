"""Bins of the events of a task, by energy, momentum or pseudorapidity."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from app.core.errors import WirechamberError
from app.predictions import Predictions, Values


def _rising(edges: tuple[float, ...]) -> tuple[float, ...]:
    if len(edges) < 2 or any(low >= high for low, high in pairwise(edges)):
        raise ValueError("bin edges must rise, and there must be two at least")
    return edges


Edges = Annotated[tuple[float, ...], AfterValidator(_rising)]
Inside = NDArray[np.bool_]

ENERGIES = (0.015, 0.02, 0.03, 0.04, 0.05, 0.06)
"""Bin edges of photon energies [GeV]."""
QUANTILES = 6
"""Default number of bins."""


def edges_for(values: NDArray[Any] | None, edges: Sequence[float] | None, bins: int = QUANTILES) -> tuple[float, ...]:
    """Return `edges`, or by default those of bins with equally many of the finite `values`; () when there is none."""
    if edges is not None:
        return tuple(edges)
    known = np.empty(0) if values is None else np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    single = np.unique(known)
    if len(single) > bins:
        limits = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)))
    else:  # a spectrum of a few discrete energies gets one bin for each
        limits = np.concatenate([single[:1], (single[1:] + single[:-1]) / 2, single[-1:]])
    return tuple(float(edge) for edge in limits)


def bins_of(values: NDArray[Any], edges: Sequence[float]) -> Iterator[tuple[float, float, Inside]]:
    """Yield low, high and which of `values` lie in low <= value < high; the last bin holds its upper edge too."""
    for low, high in pairwise(edges):
        yield float(low), float(high), (values >= low) & ((values < high) | ((values == high) & (high == edges[-1])))


def by_bin(
    predictions: Predictions,
    values: NDArray[Any] | None,
    edges: Sequence[float],
    summary: Callable[[Predictions], Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return {"low", "high"} and the summary of each bin of `values` that holds events; none without `values`."""
    return [
        {"low": low, "high": high, **summary(predictions.select(inside))}
        for low, high, inside in (bins_of(values, edges) if values is not None else ())
        if inside.any()
    ]


def bin_by_energy(
    predictions: Predictions, edges: Sequence[float], summary: Callable[[Predictions], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the summary of all events, and `bins` with that of the events of each bin of the true energy [GeV]."""
    return {**summary(predictions), "bins": by_bin(predictions, energy_of(predictions), edges, summary)}


def energy_of(predictions: Predictions) -> NDArray[Any] | None:
    """Return the true energies (N,) [GeV] from a column or a target; None when neither exists."""
    return predictions.columns.get("energy", predictions.true.get("energy"))


PT = (3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0)
"""Bin edges of pT [GeV]."""
ETA = (0.0, 0.4, 0.8, 1.05, 1.3, 1.7, 2.0, 2.4, 2.7)
"""Bin edges of |eta|: barrel to 1.05, then end-cap."""
CHARGES = ("positive", "charge", "q_over_pt")
"""The targets whose sign, or class, is the charge."""
MOST_PT = 1e4
"""The largest pT [GeV]: a predicted 1/pT of 0 counts as this."""


def bin_by_pt_eta(
    predictions: Predictions, pt: Sequence[float], eta: Sequence[float], summary: Callable[[Predictions], Any]
) -> dict[str, Any]:
    """Return the summary of all events, and `bins` and `eta_bins` with those of the bins of pT [GeV] and |eta|."""
    return {
        **summary(predictions),
        "bins": by_bin(predictions, pt_of(predictions), pt, summary),
        "eta_bins": by_bin(predictions, eta_of(predictions), eta, summary),
    }


def pt_of(predictions: Predictions) -> NDArray[np.float64] | None:
    """Return the true pT (N,) [GeV] from a target or a column, pt or q_over_pt; None when none exists."""
    pt, signed = (_known(predictions, name) for name in ("pt", "q_over_pt"))
    return pt if pt is not None or signed is None else pt_from(signed)


def eta_of(predictions: Predictions) -> NDArray[np.float64] | None:
    """Return the true |eta| (N,) from a target or a column; None when neither exists."""
    eta = _known(predictions, "eta")
    return None if eta is None else np.abs(eta)


def pt_from(q_over_pt: NDArray[Any]) -> NDArray[np.float64]:
    """Return 1 / |q/pT| (N,) [GeV], at most 10 TeV."""
    return np.asarray(1.0 / np.maximum(np.abs(q_over_pt), 1.0 / MOST_PT))


def is_positive(values: Mapping[str, Values], target: str) -> NDArray[np.bool_]:
    """Return which charges (N,) are positive: `positive` is 0 or 1 or a probability, the other targets have a sign."""
    return np.asarray(np.asarray(values[target]) >= (0.5 if target == "positive" else 0.0))


def require_positive(pt: NDArray[Any]) -> None:
    """Raise an error for true momenta of 0 or less, for which a relative residual has no meaning."""
    wrong = np.count_nonzero(pt <= 0)
    if wrong:
        raise WirechamberError(f"{wrong} of {len(pt)} true values of pt are not above 0")


def _known(predictions: Predictions, name: str) -> NDArray[np.float64] | None:
    values = predictions.true.get(name, predictions.columns.get(name))
    return None if values is None else np.asarray(values, np.float64)
