"""The inputs of a plot, and which of them a plot needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.metrics.direction import COMPONENTS
from app.metrics.statistics.classes import classes_of, has_probability
from app.plots.drawing.displays import Displays
from app.predictions import Predictions


@dataclass(frozen=True)
class PlotInputs:
    """A run as its plots see it.

    Attributes:
        predictions: truth, predictions and baselines of the test events; None when there are none yet.
        history: the content of history.json.
        title: name of the run.
        units: unit of each target, "" for none.
        simulated: whether the data are simulated, which every figure then states.
        subtitle: a line about the data, e.g. momentum range and number of tracks.
        jacobian: the content of jacobian.json, when it was asked for.
        weighting: the job's histograms, filled on the training split.
        leading_metrics: by task, the name of its leading metric in the history.
        tasks: the targets of each task.
        displays: images of some test events.
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
    displays: Displays | None = None

    def of(self, tasks: Sequence[str]) -> PlotInputs:
        """Return the run with these tasks only; the truth of the other tasks is kept among the columns."""
        known = {task: self.tasks[task] for task in tasks}
        displays = None if self.displays is None else self.displays.of(tasks)
        if self.predictions is None:
            return replace(self, tasks=known, displays=displays)
        true, predicted = self.predictions.true, self.predictions.predicted
        chosen = [target for targets in known.values() for target in targets if target in true]
        events = replace(
            self.predictions,
            true={target: true[target] for target in chosen},
            predicted={target: predicted[target] for target in chosen},
            columns={**self.predictions.columns, **{t: v for t, v in true.items() if t not in chosen}},
        )
        return replace(self, tasks=known, predictions=events, displays=displays)

    @property
    def numbers(self) -> list[str]:
        """The targets that are not classes, which have residuals."""
        classes = classes_of(self.events)
        return [target for target in self.events.true if target not in classes]

    @property
    def concentration(self) -> Mapping[str, Any]:
        """The concentration kappa of the directions of these tasks, by task."""
        return {task: kappa for task, kappa in self.events.concentration.items() if task in self.tasks}

    @property
    def spread(self) -> Mapping[str, Any]:
        """The spread of the members of an ensemble, by target, or by task for a direction [rad]."""
        own = {*self.tasks, *self.numbers}
        return {name: values for name, values in self.events.spread.items() if name in own}

    @property
    def events(self) -> Predictions:
        """The predictions, for a plot whose `needs` include them."""
        if self.predictions is None:
            raise ValueError("there are no predictions to plot")
        return self.predictions


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

    @property
    def special(self) -> bool:
        """Whether most runs lack what the plot needs, so that leaving it out is worth no line in the log."""
        of_task = self.classes or self.direction or self.uncertainty or self.displays or self.spread or self.any_of
        return bool(of_task) or self.jacobian or self.weighting or self.several_tasks

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
        lacking += ["a target that is a class"] if self.classes and not classes_of(inputs.events) else []
        lacking += (
            ["the components of a direction"]
            if self.direction and not set(COMPONENTS) <= set(inputs.events.true)
            else []
        )
        lacking += ["the spread of an ensemble's members"] if self.spread and not inputs.spread else []
        lacking += ["predicted uncertainties"] if self.uncertainty and not _uncertain(inputs) else []
        lacking += [f"the target {name}" for name in self.targets if name not in inputs.predictions.true]
        if self.any_of and not set(self.any_of) & set(inputs.predictions.true):
            lacking += [f"one of the targets {', '.join(self.any_of)}"]
        known = inputs.predictions.columns.keys() | inputs.predictions.true.keys()
        return lacking + [f"the column {name}" for name in self.columns if name not in known]


def _uncertain(inputs: PlotInputs) -> bool:
    """Return whether there are standard deviations, concentrations or probabilities of classes."""
    events, own = inputs.events, set(inputs.events.true)
    if inputs.concentration or own & set(events.sigma):
        return True
    return any(has_probability(events, target) for target in classes_of(events))
