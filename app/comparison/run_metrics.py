"""The metrics of a run's tasks, which can be measured on any choice of its test events."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.comparison.compared_run import ComparedRun
from app.config import Task
from app.evaluation.metrics import merge_tasks, task_metrics
from app.metrics import METRICS
from app.predictions import Predictions


@dataclass(frozen=True)
class MetricKey:
    """Which value of a run: a metric on all events, or the leading metric of a task in one bin."""

    name: str
    task: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def label(self) -> str:
        """The bin in text: "2 - 5", or "all"."""
        return "all" if self.low is None else f"{self.low:.4g} - {self.high:.4g}"


@dataclass(frozen=True)
class RunMetrics:
    """The metrics of a run's tasks.

    Attributes:
        tasks: the targets and metrics of each task.
        leading: the first metric of each task, named as `merge_tasks` names it.
        better: "lower" or "higher", of the leading metric of each task.
        binned_in: the quantity in which each task's leading metric is binned.
    """

    tasks: Mapping[str, Task]
    leading: Mapping[str, str]
    better: Mapping[str, str]
    binned_in: Mapping[str, str]

    def measure(self, predictions: Predictions) -> dict[MetricKey, float]:
        """Return every metric that is one number, and each task's leading metric by bin."""
        results = {name: task_metrics(predictions, task) for name, task in self.tasks.items()}
        merged = merge_tasks(results).items()
        values = {MetricKey(name): float(value) for name, value in merged if not name.endswith("rows")}
        for task, result in results.items():
            primary = self.tasks[task].metrics[0].component.facts.primary
            for content in result.get("bins", ()):
                if primary in content:
                    key = MetricKey(self.leading[task], task, content["low"], content["high"])
                    values[key] = float(content[primary])
        return values


def read_run_metrics(run: ComparedRun) -> RunMetrics:
    """Return the metrics that the run's job asks for.

    Bins that hold equally many events are those of all its test events, also where the metrics are measured on fewer.
    """
    tasks = {}
    for name, results in run.metrics.items():
        bins = results["model"].get("bins", [])
        edges = tuple([content["low"] for content in bins] + [content["high"] for content in bins[-1:]])
        metrics = [METRICS.parse(metric) for metric in run.job["tasks"][name]["metrics"]]
        for number, metric in enumerate(metrics):
            chosen = {key: edges for key, value in metric.parameters.items() if key.endswith("_bins") and value is None}
            if chosen and edges:
                metrics[number] = replace(metric, options=metric.options.model_copy(update=chosen))
        targets = tuple(run.job["tasks"][name]["targets"])
        tasks[name] = Task.model_construct(targets=targets, metrics=tuple(metrics))
    names = [metric for results in run.metrics.values() for metric in results["model"]]
    facts = {name: task.metrics[0].component.facts for name, task in tasks.items()}
    leading = {
        task: f"{task}_{fact.primary}" if names.count(fact.primary) > 1 else fact.primary
        for task, fact in facts.items()
    }
    better = {task: fact.better for task, fact in facts.items()}
    return RunMetrics(tasks, leading, better, {task: fact.binned_in for task, fact in facts.items()})
