"""The best run of an application among those that can be compared: finished ones on the same data and split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.core.errors import Problem, UserError, unknown
from registry import order
from registry.notes import Notes
from registry.record import Better, Record
from registry.store import read_all


@dataclass(frozen=True)
class Best:
    """The best run of an application.

    Attributes:
        record: of the run.
        metric: by which it is the best.
        better: which values of the metric are better.
        runs: how many finished runs it is the best of, all on the same data.
        elsewhere: the best of each other set of data, which no one should compare with it.
    """

    record: Record
    metric: str
    better: Better
    runs: int
    elsewhere: tuple[Record, ...]


def best_run(root: Path, application: str, data: str | None = None) -> Best:
    """Return the best finished run of an application by the application's metric.

    Args:
        root: the registry's folder.
        application: its name.
        data: fingerprint of the data, or its first letters; else those that most finished runs were made on, of
            equally many the newest.

    Raises:
        UserError: an application or data that no run knows, or no run is done.
    """
    contents = read_all(root)
    if not contents.records:
        raise UserError(Problem("no run in the registry", (str(root),), expected="a run that is done"))
    own = [record for record in contents.records if record.application == application]
    if not own:
        raise UserError(unknown("application", application, sorted({r.application for r in contents.records})))
    metric, better = order.metric_of(contents.notes.get(application, Notes()), own)
    groups = [_finished(group, metric) for group in order.comparable(own)]
    groups = sorted((group for group in groups if group), key=_weight, reverse=True)
    if not groups:
        what = f"no run of {application} is done with a finite {metric or 'metric'}"
        raise UserError(Problem(what, (str(root),), expected="a run that is done"))
    chosen = groups[0] if data is None else _on(data, groups)
    firsts = [order.by_metric(group, metric, better)[0] for group in groups if group is not chosen]
    return Best(order.by_metric(chosen, metric, better)[0], metric, better, len(chosen), tuple(firsts))


def _finished(group: list[Record], metric: str) -> list[Record]:
    return [record for record in group if record.state == "done" and record.figure(metric) is not None]


def _weight(group: list[Record]) -> tuple[int, str]:
    return len(group), max(record.created for record in group)


def _on(data: str, groups: list[list[Record]]) -> list[Record]:
    found = [group for group in groups if group[0].fingerprint.startswith(data)]
    if len(found) != 1:
        known = [group[0].fingerprint for group in groups]
        raise UserError(unknown("fingerprint of data", data, known, ("--data",)))
    return found[0]
