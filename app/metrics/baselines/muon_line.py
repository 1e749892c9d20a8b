"""The direction of a muon from straight lines through its hits, without a fit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted

DIRECTION = ("eta", "phi")


@BASELINES("inner_station", inputs=("line_eta", "line_phi"), targets=DIRECTION)
def inner_station(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """eta of the line from the origin to the innermost station, phi of the line through all hits.

    The toroids bend behind the innermost station: up to there the muon flies straight, from a vertex whose place along
    the beam is not known, which is most of the error of eta. Nothing bends in phi.

    Args:
        train: truth under `true_<target>`, of which events without hits get the mean eta, and phi = 0.
        validation: not used.
        targets: eta, phi [rad], or both.

    Returns:
        The baseline; it reads line_eta, line_phi.
    """
    return _lines("line to the innermost station", train, targets, "line_eta")


@BASELINES("all_hits", inputs=("mean_eta", "line_phi"), targets=DIRECTION)
def all_hits(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The mean eta of all hits in the muon's sector, phi of the line through them: a straight line from the origin.

    The bending in the field biases it; it is exact where there is no field.

    Args:
        train: truth under `true_<target>`, of which events without hits get the mean eta, and phi = 0.
        validation: not used.
        targets: eta, phi [rad], or both.

    Returns:
        The baseline; it reads mean_eta, line_phi.
    """
    return _lines("line through all hits", train, targets, "mean_eta")


def _lines(description: str, train: Columns, targets: Sequence[str], eta: str) -> Baseline:
    middle = float(np.mean(train["true_eta"])) if "eta" in targets else 0.0

    def predict(columns: Columns) -> Predicted:
        known = {"eta": _finite(columns[eta], middle), "phi": _finite(columns["line_phi"], 0.0)}
        return {target: known[target] for target in targets}

    return Baseline(description, predict)


def _finite(values: NDArray[np.floating], otherwise: float) -> NDArray[np.float64]:
    values = np.asarray(values, np.float64)
    return np.where(np.isfinite(values), values, otherwise)
