"""Uncertainties of metrics and of their changes by the bootstrap: the test events are drawn again, with replacement."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.comparison.run_metrics import MetricKey, RunMetrics
from app.core.errors import Problem, UserError, WirechamberError
from app.predictions import Predictions

SEED = 1
CERTAIN = 0.05
"""A difference whose two-sided p-value lies below it is called better or worse."""
Draws = NDArray[np.float64]


@dataclass(frozen=True)
class BootstrapMetrics:
    """The metrics of a run and the same metrics of each draw of its test events, NaN where a draw has none."""

    value: Mapping[MetricKey, float]
    draws: Mapping[MetricKey, Draws]

    def error(self, key: MetricKey) -> float | None:
        """The standard deviation of the draws, None where fewer than two have the metric."""
        return standard_deviation(self.draws[key])


@dataclass(frozen=True)
class Change:
    """One metric of a run compared with the reference; positive means better.

    Attributes:
        key: which metric.
        percent: change in per cent of the reference's value; None where that is 0.
        error: its standard deviation over the draws.
        significance: of the difference, in its own standard deviations.
        p_value: two-sided, from the share of draws on the other side of 0.
    """

    key: MetricKey
    percent: float | None
    error: float | None
    significance: float | None
    p_value: float | None

    @property
    def verdict(self) -> str:
        """The change in a word."""
        if self.p_value is None or self.percent is None or self.p_value >= CERTAIN:
            return "no clear difference"
        return "better" if self.percent > 0 else "worse"


def standard_deviation(draws: Draws) -> float | None:
    """Return the standard deviation of the finite draws, None of fewer than two."""
    finite = draws[np.isfinite(draws)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else None


def two_sided_p_value(difference: Draws) -> float | None:
    """Return twice the smaller share of draws on one side of 0, with one draw added to both sides and the total.

    p = min(1, 2 (min(n(d <= 0), n(d >= 0)) + 1) / (n + 1)), because finitely many draws cannot give p = 0. It is None
    of fewer than two finite draws, and where all differences are 0.
    """
    finite = difference[np.isfinite(difference)]
    if len(finite) < 2 or not finite.any():
        return None
    least = min((finite <= 0).sum(), (finite >= 0).sum())
    return float(min(1.0, 2.0 * (least + 1) / (len(finite) + 1)))


def bootstrap_metrics(
    predictions: Mapping[str, Predictions], metrics: Mapping[str, RunMetrics], draws: int
) -> dict[str, BootstrapMetrics]:
    """Measure every run on its events and on `draws` draws of them, the same draws for all runs.

    Every metric, percentiles and areas included, is measured again on the drawn events: a draw costs as much as one
    measurement, and only what differs between the runs is left in their paired differences. The number of events in a
    draw is that of the test split. A metric that depends on few events, such as a mean dominated by one lost track,
    has an uncertainty that is itself uncertain, and bins without events in a draw are left out of it.

    Args:
        predictions: of each run, the same events in the same order.
        metrics: of each run.
        draws: how many.

    Raises:
        UserError: the predictions lack a target of the run's job.
    """
    for name, run_metrics in metrics.items():
        targets = [target for task in run_metrics.tasks.values() for target in task.targets]
        missing = sorted(set(targets) - predictions[name].predicted.keys())
        if missing:
            raise UserError(Problem("predictions.csv lacks a target of the job", (missing[0],), expected=str(targets)))
    models = {name: replace(events, baselines={}) for name, events in predictions.items()}
    nominal = {name: metrics[name].measure(events) for name, events in models.items()}
    drawn = {name: {key: np.full(draws, np.nan) for key in values} for name, values in nominal.items()}
    rng, rows = np.random.default_rng(SEED), len(next(iter(models.values())))
    for number in range(draws):
        chosen = np.sort(rng.integers(0, rows, rows))
        for name, events in models.items():
            try:
                values = metrics[name].measure(events.select(chosen))
            except WirechamberError:  # a draw that lacks what the metric needs, e.g. one of the classes
                continue
            for key in values.keys() & drawn[name].keys():
                drawn[name][key][number] = values[key]
    return {name: BootstrapMetrics(nominal[name], drawn[name]) for name in models}


def changes_of_task(run: BootstrapMetrics, reference: BootstrapMetrics, metrics: RunMetrics, task: str) -> list[Change]:
    """Return the change of a task's leading metric, on all events and by bin.

    +50 % is half the error, -100 % twice the error. A change of the mean over all bins is mostly one of the bin with
    the largest errors. The draws are paired: the same events are drawn for both runs, so that what both find difficult
    cancels.
    """
    sign = -1.0 if metrics.better[task] == "lower" else 1.0
    keys = [MetricKey(metrics.leading[task]), *(key for key in reference.value if key.task == task)]
    changes = []
    for key in keys:
        if key not in run.value:
            continue
        before = reference.value[key]
        change = sign * (run.value[key] - before)
        difference = sign * (run.draws[key] - reference.draws[key])
        spread = standard_deviation(difference)
        percent = error = None
        if before:
            with np.errstate(divide="ignore", invalid="ignore"):
                error = standard_deviation(100.0 * difference / np.abs(reference.draws[key]))
            percent = 100.0 * change / abs(before)
        significance = change / spread if spread else None
        changes.append(Change(key, percent, error, significance, two_sided_p_value(difference)))
    return changes
