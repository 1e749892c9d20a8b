"""A cut on the total charge: classes without a network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.core.errors import WirechamberError
from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted
from app.metrics.statistics.classes import CHARGES, log_charge


@BASELINES("charge_cut", any_of=CHARGES, targets=("is_es", "is_main_track"), classes=None)
def charge_cut(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """Class 1 for all events with more charge than a threshold, or for all with less, and class 0 for the others.

    Threshold and side are chosen to be right for as many training events as possible. Charged currents leave more
    energy than elastic scatters, and main tracks more than background: a network that does not beat this has only
    learned the sum of its image. For a rare class the best cut may accept no event, or all.

    Args:
        train: charge_total, or those of charge_u, charge_v, charge_x that are known [ADC], and truth under
            `true_<target>`, 0 or 1; (N,).
        validation: not used.
        targets: is_es, is_main_track or both.

    Returns:
        The baseline; it reads the charge.

    Raises:
        WirechamberError: there is no training event with a charge.
    """
    charge = _charge(train)
    if not np.isfinite(charge).any():
        raise WirechamberError("no training events with a charge")
    cuts = {target: best_cut(charge, np.asarray(train[f"true_{target}"])) for target in targets}

    def predict(columns: Columns) -> Predicted:
        known = _charge(columns)
        return {t: np.asarray((known > cut) == above, np.float64) for t, (cut, above) in cuts.items()}

    decisions = [f"{t} = 1 {'above' if above else 'below'} {cut:.3g}" for t, (cut, above) in cuts.items()]
    return Baseline(f"cut on ln(total charge): {', '.join(decisions)}", predict)


def best_cut(values: NDArray[np.float64], classes: NDArray[np.floating]) -> tuple[float, bool]:
    """Return the cut between two classes with the most correct decisions, and whether class 1 lies above it.

    Args:
        values: (N,); those that are not finite are left out.
        classes: 0 or 1, (N,).
    """
    known = np.isfinite(values)
    order = np.argsort(values[known], kind="stable")
    values, is_one = values[known][order], classes[known][order] == 1
    ones_below = np.append(0, np.cumsum(is_one))
    zeros_below = np.arange(len(values) + 1) - ones_below
    right = zeros_below + ones_below[-1] - ones_below  # with class 1 above a cut that has this many events below it
    between = np.concatenate([[True], np.diff(values) > 0, [True]])
    above, below = (np.where(between, count, -1) for count in (right, len(values) - right))
    edges = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    if above.max() >= below.max():
        return float(edges[np.argmax(above)]), True
    return float(edges[np.argmax(below)]), False


def _charge(columns: Columns) -> NDArray[np.float64]:
    charge = log_charge(columns)
    if charge is None:
        raise WirechamberError(f"none of the columns {', '.join(CHARGES)} is known")
    return charge
