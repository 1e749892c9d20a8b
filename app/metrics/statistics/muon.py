"""Bins of muons, and their momentum from whichever target or column says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import WirechamberError
from app.metrics.statistics.bins import by_bin
from app.predictions import Predictions, Values

PT = (3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0)
"""Bin edges of pT [GeV]."""
ETA = (0.0, 0.4, 0.8, 1.05, 1.3, 1.7, 2.0, 2.4, 2.7)
"""Bin edges of |eta|: barrel to 1.05, then end-cap."""
CHARGES = ("positive", "charge", "q_over_pt")
"""Targets whose sign, or class, is the charge."""
MOST_PT = 1e4
"""A predicted 1/pT of 0 counts as this pT [GeV]."""


def binned(
    predictions: Predictions, pt: Sequence[float], eta: Sequence[float], summary: Callable[[Predictions], Any]
) -> dict[str, Any]:
    """Return the summary of all events, and `bins` and `eta_bins` with that of the events of each bin."""
    return {
        **summary(predictions),
        "bins": by_bin(predictions, pt_of(predictions), pt, summary),
        "eta_bins": by_bin(predictions, eta_of(predictions), eta, summary),
    }


def pt_of(predictions: Predictions) -> NDArray[np.float64] | None:
    """Return the true pT (N,) [GeV], whether it is learned or only known; None where it is neither."""
    pt, signed = (_known(predictions, name) for name in ("pt", "q_over_pt"))
    return pt if pt is not None or signed is None else pt_from(signed)


def eta_of(predictions: Predictions) -> NDArray[np.float64] | None:
    """Return the true |eta| (N,); None where it is not known."""
    eta = _known(predictions, "eta")
    return None if eta is None else np.abs(eta)


def pt_from(q_over_pt: NDArray[Any]) -> NDArray[np.float64]:
    """Return 1 / |q/pT| (N,) [GeV], at most 10 TeV."""
    return np.asarray(1.0 / np.maximum(np.abs(q_over_pt), 1.0 / MOST_PT))


def is_positive(values: Mapping[str, Values], target: str) -> NDArray[np.bool_]:
    """Return which charges (N,) are positive: `positive` is 0 or 1, or a probability, the others carry the sign."""
    found: NDArray[np.bool_] = np.asarray(values[target]) >= (0.5 if target == "positive" else 0.0)
    return found


def require_positive(pt: NDArray[Any]) -> None:
    """Refuse true momenta of 0 or less: a relative residual has no meaning there."""
    wrong = np.count_nonzero(pt <= 0)
    if wrong:
        raise WirechamberError(f"{wrong} of {len(pt)} true values of pt are not above 0")


def _known(predictions: Predictions, name: str) -> NDArray[np.float64] | None:
    found = predictions.true.get(name, predictions.columns.get(name))
    return None if found is None else np.asarray(found, np.float64)
