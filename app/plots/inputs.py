"""What a plot is made from, and what a plot needs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.predictions import Predictions


@dataclass(frozen=True)
class PlotInputs:
    """A run as its plots see it.

    Attributes:
        predictions: truth, predictions and baselines of the test events; None when there are none yet.
        history: the content of history.json.
        title: name of the run.
        units: unit of each target, "" for none.
        simulated: whether the data are simulated; then every figure says so.
        subtitle: a line about the data, e.g. momentum range and number of tracks.
        jacobian: the content of jacobian.json, when it was asked for.
        weighting: what the job's histograms found on the training split.
        leading_metrics: by task, what its leading metric is called in the history.
    """

    predictions: Predictions | None = None
    history: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    subtitle: str = ""
    jacobian: Mapping[str, Any] | None = None
    weighting: Sequence[Mapping[str, Any]] = ()
    leading_metrics: Mapping[str, str] = field(default_factory=dict)

    @property
    def events(self) -> Predictions:
        """The predictions, for a plot that has declared that it needs them."""
        if self.predictions is None:
            raise ValueError("there are no predictions to plot")
        return self.predictions


@dataclass(frozen=True)
class Needs:
    """What a plot cannot do without: `@PLOTS("...", needs=Needs(columns=("p",)))`."""

    history: bool = False
    predictions: bool = False
    targets: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    jacobian: bool = False
    weighting: bool = False
    several_tasks: bool = False

    def missing(self, inputs: PlotInputs) -> list[str]:
        """Return what `inputs` lacks, in words."""
        lacking = ["the training history"] if self.history and not inputs.history.get("train") else []
        lacking += ["jacobian.json of evaluate --jacobian"] if self.jacobian and not inputs.jacobian else []
        lacking += ["a histogram among the job's weightings"] if self.weighting and not inputs.weighting else []
        lacking += ["several tasks"] if self.several_tasks and len(inputs.leading_metrics) < 2 else []
        if not (self.predictions or self.targets or self.columns):
            return lacking
        if inputs.predictions is None or not len(inputs.predictions):
            return [*lacking, "predictions"]
        lacking += [f"the target {name}" for name in self.targets if name not in inputs.predictions.true]
        return lacking + [f"the column {name}" for name in self.columns if name not in inputs.predictions.columns]
