"""The comparison of runs as one value: metrics, changes against a reference, convergence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.comparison.bootstrap import BootstrapMetrics, Change, bootstrap_metrics, changes_of_task
from app.comparison.compared_run import ComparedRun, align_events
from app.comparison.convergence import Convergence, describe_convergence
from app.comparison.run_metrics import RunMetrics, read_run_metrics
from app.core.errors import Problem, UserError, unknown

DRAWS = 300


@dataclass(frozen=True)
class Comparison:
    """Runs of one application on the same test events; mappings are by the name of the run.

    Attributes:
        runs: in the order in which they were given.
        reference: the name of the run that the others are compared with.
        events: number of test events.
        draws: of the bootstrap.
        run_metrics: of the reference: its tasks and their leading metrics.
        metrics: the values and their draws.
        changes: against the reference, by run and task.
        convergence: of the trainings.
    """

    runs: tuple[ComparedRun, ...]
    reference: str
    events: int
    draws: int
    run_metrics: RunMetrics
    metrics: Mapping[str, BootstrapMetrics]
    changes: Mapping[str, Mapping[str, Sequence[Change]]]
    convergence: Mapping[str, Convergence]

    @property
    def names(self) -> list[str]:
        """Every metric on all events that each run has, in the order of the reference."""
        keys = [key for key in self.metrics[self.reference].value if not key.task]
        return [key.name for key in keys if all(key in metrics.value for metrics in self.metrics.values())]

    def dump(self) -> dict[str, Any]:
        """Return everything but the draws as JSON."""
        runs = {}
        for run in self.runs:
            metrics, changes = self.metrics[run.name], self.changes.get(run.name, {})
            values = [(key, value) for key, value in metrics.value.items() if not key.task]
            runs[run.name] = {
                "model": run.model,
                "parameters": run.parameters,
                "train_rows": run.train_rows,
                "training_time": run.training_time,
                "throughput_cpu": run.throughput("cpu"),
                "throughput_gpu": run.throughput("gpu"),
                "figures": {key.name: {"value": value, "error": metrics.error(key)} for key, value in values},
                "changes": {task: [_dump_change(change) for change in of_task] for task, of_task in changes.items()},
                "convergence": self.convergence[run.name].dump(),
            }
        leading = self.run_metrics.leading.items()
        return {
            "application": self.runs[0].application,
            "reference": self.reference,
            "events": self.events,
            "draws": self.draws,
            "leading": {task: {"metric": name, "better": self.run_metrics.better[task]} for task, name in leading},
            "runs": runs,
        }


def _dump_change(change: Change) -> dict[str, Any]:
    values = {name: value for name, value in change.__dict__.items() if name != "key"}
    return {"bin": change.key.label, **values, "verdict": change.verdict}


def compare(runs: Sequence[ComparedRun], reference: str | None = None, draws: int = DRAWS) -> Comparison:
    """Compare runs of one application that were tested on the same events.

    Args:
        runs: two or more.
        reference: the name of one of them, else the first.
        draws: of the bootstrap.

    Raises:
        UserError: fewer than two runs, an unknown reference, other test events, other tasks.
    """
    names = [run.name for run in runs]
    if len(names) < 2:
        raise UserError(Problem("nothing to compare with", tuple(names), expected="two runs or more"))
    if reference is not None and reference not in names:
        raise UserError(unknown("reference", reference, names, ("--reference",)))
    base = reference or names[0]
    predictions = align_events(runs)
    run_metrics = {run.name: read_run_metrics(run) for run in runs}
    leading = {name: sorted(metrics.leading.items()) for name, metrics in run_metrics.items()}
    for name in names:
        if leading[name] != leading[base]:
            received = f"{leading[name]}, {base}: {leading[base]}"
            raise UserError(Problem(f"has other leading metrics than {base}", (name,), received=received))
    metrics = bootstrap_metrics(predictions, run_metrics, draws)
    changes = {
        name: {
            task: changes_of_task(metrics[name], metrics[base], run_metrics[base], task)
            for task in run_metrics[base].tasks
        }
        for name in names
        if name != base
    }
    trainings = {run.name: describe_convergence(run) for run in runs}
    return Comparison(tuple(runs), base, len(predictions[base]), draws, run_metrics[base], metrics, changes, trainings)
