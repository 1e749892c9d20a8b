"""What is drawn of a task: the residual of each target, and what several of them make together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.direction import ANGLES, COMPONENTS, opening_angle
from app.metrics.statistics.bins import energy_of
from app.metrics.statistics.muon import pt_of
from app.physics.directions import DEGREE, emission_vector
from app.plots.drawing.histograms import Residuals, differences
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.labels import symbol
from app.plots.drawing.style import curves

POSITION = ("u", "v", "w")


@dataclass(frozen=True)
class Measured:
    """A residual, or a size without a sign, of the model and of every baseline: `values` (N,) by curve, model first."""

    name: str
    unit: str
    values: Residuals
    signed: bool = True


@dataclass(frozen=True)
class Against:
    """The true quantity (N,) that the resolution goes with; NaN for an event that has none, e.g. without a photon."""

    name: str
    unit: str
    values: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.float64]:
        """Those of the events that have one."""
        return self.values[np.isfinite(self.values)]


def measured(inputs: PlotInputs) -> list[Measured]:
    """Return the residuals of all targets, then an opening angle, a distance or a relative residual."""
    found = [Measured(symbol(t), inputs.units.get(t, ""), differences(inputs, t)) for t in inputs.events.true]
    for targets, joined in JOINED:
        if set(targets) <= set(inputs.events.true):
            found.append(joined(inputs))
    return found


def against(inputs: PlotInputs) -> Against | None:
    """Return the true energy, transverse momentum or momentum of the events, where it is known."""
    both = {"energy": energy_of(inputs.events), "pt": pt_of(inputs.events), "p": inputs.events.columns.get("p")}
    for name, values in both.items():
        if values is not None:
            found = Against(symbol(name), inputs.units.get(name, "GeV"), np.asarray(values, np.float64))
            return found if len(found.known) else None
    return None


def opening_angles(inputs: PlotInputs, targets: Sequence[str]) -> Measured:
    """Return the angles [deg] between predicted and true direction, of the model and of every baseline."""
    true = _direction(inputs.events.true, targets)
    known = curves(inputs.events, *targets)
    angles = {curve: opening_angle(true, _direction(values, targets)) / DEGREE for curve, values in known}
    return Measured("opening angle", "deg", angles, signed=False)


def _direction(values: Mapping[str, Any], targets: Sequence[str]) -> NDArray[np.float64]:
    columns = [np.asarray(values[target], np.float64) for target in targets]
    return np.stack(columns if len(columns) == 3 else emission_vector(*columns), axis=-1)


def _distance(inputs: PlotInputs) -> Measured:
    parts = [differences(inputs, target) for target in POSITION]
    known = [curve for curve in parts[0] if all(curve in part for part in parts)]
    sizes = {curve: np.sqrt(sum(part[curve] ** 2 for part in parts)) for curve in known}
    return Measured("distance", inputs.units.get("u", ""), sizes, signed=False)


def _relative(inputs: PlotInputs, target: str) -> Measured:
    true = np.asarray(inputs.events.true[target], np.float64)
    share = {curve: 100 * delta / np.abs(true) for curve, delta in differences(inputs, target).items()}
    return Measured(f"relative {symbol(target)}", "%", share)


JOINED: tuple[tuple[tuple[str, ...], Callable[[PlotInputs], Measured]], ...] = (
    (ANGLES, lambda inputs: opening_angles(inputs, ANGLES)),
    (COMPONENTS, lambda inputs: opening_angles(inputs, COMPONENTS)),
    (POSITION, _distance),
    *(((target,), partial(_relative, target=target)) for target in ("energy", "pt", "q_over_pt")),
)
