"""The comparison of runs as one value: figures, changes against a reference, convergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.comparison.bootstrap import Sampled, sampled
from app.comparison.change import Change, changes
from app.comparison.compared_run import ComparedRun
from app.comparison.convergence import Convergence, convergence
from app.comparison.measures import Measures, measures_of
from app.comparison.same_events import aligned
from app.comparison.throughput import throughput
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
        measures: what the reference measures, its tasks' leading figures foremost.
        figures: the values and their draws.
        changes: against the reference, by run and task.
        convergence: of the trainings.
    """

    runs: tuple[ComparedRun, ...]
    reference: str
    events: int
    draws: int
    measures: Measures
    figures: Mapping[str, Sampled]
    changes: Mapping[str, Mapping[str, Sequence[Change]]]
    convergence: Mapping[str, Convergence]

    @property
    def names(self) -> list[str]:
        """Every figure of all events that each run has, in the order of the reference."""
        common = [p for p in self.figures[self.reference].value if not p.task]
        return [p.name for p in common if all(p in found.value for found in self.figures.values())]

    def dump(self) -> dict[str, Any]:
        """Return everything but the draws as JSON."""
        first = self.runs[0]
        return {
            "application": first.application,
            "reference": self.reference,
            "events": self.events,
            "draws": self.draws,
            "leading": {t: {"metric": m, "better": self.measures.better[t]} for t, m in self.measures.leading.items()},
            "runs": {run.name: self._run(run) for run in self.runs},
        }

    def _run(self, run: ComparedRun) -> dict[str, Any]:
        found = self.figures[run.name]
        return {
            **facts(run),
            "figures": {p.name: {"value": v, "error": found.error(p)} for p, v in found.value.items() if not p.task},
            "changes": {task: [_change(c) for c in cs] for task, cs in self.changes.get(run.name, {}).items()},
            "convergence": self.convergence[run.name].dump(),
        }


def facts(run: ComparedRun) -> dict[str, Any]:
    """Return what is known of a run apart from its figures."""
    return {
        "model": run.model,
        "parameters": run.parameters,
        "train_rows": run.train_rows,
        "training_time": run.training_time,
        "throughput_cpu": throughput(run.benchmark),
        "throughput_gpu": throughput(run.benchmark, "gpu"),
    }


def _change(one: Change) -> dict[str, Any]:
    where = {"bin": one.place.label}
    figures = {name: value for name, value in one.__dict__.items() if name != "place"}
    return {**where, **figures, "verdict": one.verdict}


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
    chosen = reference or names[0]
    predictions = aligned(runs)
    measures = {run.name: measures_of(run) for run in runs}
    _refuse_other_tasks(measures, chosen)
    figures = sampled(predictions, measures, draws)
    own = measures[chosen]
    against = {
        name: {task: changes(figures[name], figures[chosen], own, task) for task in own.tasks}
        for name in names
        if name != chosen
    }
    lines = {run.name: convergence(run) for run in runs}
    return Comparison(tuple(runs), chosen, len(predictions[chosen]), draws, own, figures, against, lines)


def _refuse_other_tasks(measures: Mapping[str, Measures], reference: str) -> None:
    for name, own in measures.items():
        if own.leading != measures[reference].leading:
            said = f"{sorted(own.leading.items())}, {reference}: {sorted(measures[reference].leading.items())}"
            raise UserError(Problem(f"is judged by other figures than {reference}", (name,), received=said))
