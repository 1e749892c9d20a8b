"""The inputs of a plot."""

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
        class_names: of targets whose classes have names, in the order of their numbers.
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
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def names_of(self, target: str, count: int) -> list[str]:
        """Return the names of the classes of a target, their numbers where they have none."""
        known = list(self.class_names.get(target, ()))[:count]
        return known + [str(k) for k in range(len(known), count)]

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
        classes = self.classes
        return [target for target in self.events.true if target not in classes]

    @property
    def classes(self) -> Sequence[str]:
        """The targets that are classes."""
        return classes_of(self.events)

    @property
    def has_direction(self) -> bool:
        """Whether the components of a direction are among the targets."""
        return set(COMPONENTS) <= set(self.events.true)

    @property
    def has_uncertainty(self) -> bool:
        """Whether there are standard deviations, concentrations or probabilities of classes."""
        events = self.events
        known = self.concentration or set(events.true) & set(events.sigma)
        return bool(known) or any(has_probability(events, target) for target in self.classes)

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
