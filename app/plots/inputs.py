"""What a plot is made from, and what a plot needs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.metrics._classes import classes_of
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
        tasks: the targets of each task.
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
    tasks: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, tasks: Sequence[str]) -> PlotInputs:
        """Return the run as if it had these tasks only; the truth of the others stays at hand among the columns."""
        known = {task: self.tasks[task] for task in tasks}
        if self.predictions is None:
            return replace(self, tasks=known)
        true, predicted = self.predictions.true, self.predictions.predicted
        chosen = [target for targets in known.values() for target in targets if target in true]
        events = replace(
            self.predictions,
            true={target: true[target] for target in chosen},
            predicted={target: predicted[target] for target in chosen},
            columns={**self.predictions.columns, **{t: v for t, v in true.items() if t not in chosen}},
        )
        return replace(self, tasks=known, predictions=events)

    @property
    def numbers(self) -> list[str]:
        """The targets that are not classes: of those a residual means something."""
        classes = classes_of(self.events)
        return [target for target in self.events.true if target not in classes]

    @property
    def events(self) -> Predictions:
        """The predictions, for a plot that has declared that it needs them."""
        if self.predictions is None:
            raise ValueError("there are no predictions to plot")
        return self.predictions


@dataclass(frozen=True)
class Needs:
    """What a plot cannot do without: `@PLOTS("...", needs=Needs(columns=("p",)))`.

    Of the targets `any_of` one is enough; a column may be a target as well.
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

    def missing(self, inputs: PlotInputs) -> list[str]:
        """Return what `inputs` lacks, in words."""
        lacking = ["the training history"] if self.history and not inputs.history.get("train") else []
        lacking += ["jacobian.json of evaluate --jacobian"] if self.jacobian and not inputs.jacobian else []
        lacking += ["a histogram among the job's weightings"] if self.weighting and not inputs.weighting else []
        lacking += ["several tasks"] if self.several_tasks and len(inputs.leading_metrics) < 2 else []
        if not (self.predictions or self.numbers or self.targets or self.columns or self.any_of):
            return lacking
        if inputs.predictions is None or not len(inputs.predictions):
            return [*lacking, "predictions"]
        lacking += ["a target that is no class"] if self.numbers and not inputs.numbers else []
        lacking += [f"the target {name}" for name in self.targets if name not in inputs.predictions.true]
        if self.any_of and not set(self.any_of) & set(inputs.predictions.true):
            lacking += [f"one of the targets {', '.join(self.any_of)}"]
        known = inputs.predictions.columns.keys() | inputs.predictions.true.keys()
        return lacking + [f"the column {name}" for name in self.columns if name not in known]
