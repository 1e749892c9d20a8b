"""Plots of a run, made from its history and saved predictions alone: no model, no TensorFlow, no pyplot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.core.catalog import Catalog
from app.core.types import Facts

if TYPE_CHECKING:  # reading a job loads neither predictions nor NumPy for its plots
    from app.plots.drawing.inputs import PlotInputs


@dataclass(frozen=True)
class Needs:
    """The inputs that a plot needs: `@PLOTS("...", needs=Needs(columns=("p",)))`.

    One of the targets `any_of` is enough; a column may be a target as well.
    """

    history: bool = False
    predictions: bool = False
    numbers: bool = False
    targets: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    jacobian: bool = False
    weighting: bool = False
    several_tasks: bool = False
    classes: bool = False
    direction: bool = False
    uncertainty: bool = False
    displays: bool = False
    spread: bool = False

    def missing(self, inputs: PlotInputs) -> list[str]:
        """Return a phrase for each need that `inputs` does not fulfil."""
        lacking = ["the training history"] if self.history and not inputs.history.get("train") else []
        lacking += ["jacobian.json of evaluate --jacobian"] if self.jacobian and not inputs.jacobian else []
        lacking += ["a histogram among the job's weightings"] if self.weighting and not inputs.weighting else []
        lacking += ["several tasks"] if self.several_tasks and len(inputs.leading_metrics) < 2 else []
        lacking += (
            ["displays.npz of data that are images"]
            if self.displays and not (inputs.displays and len(inputs.displays.row))
            else []
        )
        of_targets = (self.numbers, self.targets, self.any_of, self.classes, self.direction)
        of_events = (*of_targets, self.predictions, self.columns, self.uncertainty, self.displays, self.spread)
        if not any(of_events):
            return lacking
        if inputs.predictions is None or not len(inputs.predictions):
            return [*lacking, "predictions"]
        lacking += ["a target that is no class"] if self.numbers and not inputs.numbers else []
        lacking += ["a target that is a class"] if self.classes and not inputs.classes else []
        lacking += ["the components of a direction"] if self.direction and not inputs.has_direction else []
        lacking += ["the spread of an ensemble's members"] if self.spread and not inputs.spread else []
        lacking += ["predicted uncertainties"] if self.uncertainty and not inputs.has_uncertainty else []
        lacking += [f"the target {name}" for name in self.targets if name not in inputs.predictions.true]
        if self.any_of and not set(self.any_of) & set(inputs.predictions.true):
            lacking += [f"one of the targets {', '.join(self.any_of)}"]
        known = inputs.predictions.columns.keys() | inputs.predictions.true.keys()
        return lacking + [f"the column {name}" for name in self.columns if name not in known]


class PlotFacts(Facts):
    """What a plot says of itself: what it needs, whether each task has its own file, and the formats of its files."""

    needs: Needs = Needs()
    per_task: bool = False
    formats: tuple[str, ...] = ("png",)


PLOTS = Catalog[Any, PlotFacts]("plot", "app.plots", facts=PlotFacts)
