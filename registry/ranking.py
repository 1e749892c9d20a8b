"""Which runs may be compared, and which of them is the best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import Problem, UserError, unknown
from registry.notes import Notes
from registry.record import STATES, Better, Record
from registry.store import read_all


@dataclass(frozen=True)
class BestRun:
    """The best run of an application.

    Attributes:
        record: the record of the run.
        metric: the metric by which it is the best.
        better: whether lower or higher values of the metric are better.
        runs: how many finished runs on the same data it is the best of.
        elsewhere: the best run on each other set of data; these must not be compared with it.
        others: how many finished runs there are on other data.
    """

    record: Record
    metric: str
    better: Better
    runs: int
    elsewhere: tuple[Record, ...]
    others: int


def metric_of(notes: Notes, records: Sequence[Record]) -> tuple[str, Better]:
    """Return the metric of an application and its direction: as the notes name it, else that of the newest run."""
    if notes.metric:
        return notes.metric, notes.better
    newest = max((r for r in records if r.metric), key=lambda r: (r.created, r.run), default=None)
    return (newest.metric, newest.better) if newest else ("", "lower")


def leading_task(records: Iterable[Record], metric: str) -> str:
    """Say whose metric it is that orders runs of several tasks, ' of the task place'; "" where no run has several."""
    tasks = sorted({record.task for record in records if record.others and record.metric == metric})
    return f" of the task {' or '.join(tasks)}, which alone orders the runs" if tasks else ""


def by_metric(records: Iterable[Record], metric: str, better: Better) -> list[Record]:
    """Sort records, the best first; runs without a value follow, by state and the newest first."""

    def rank(record: Record) -> tuple[int, float]:
        value = record.figure(metric)
        if value is None:
            return 1 + STATES.index(record.state), 0.0
        return 0, value if better == "lower" else -value

    return sorted(sorted(records, key=lambda r: (r.created, r.run), reverse=True), key=rank)


def finished(records: Iterable[Record], metric: str) -> list[Record]:
    """Return the records of runs that are done and have a finite value of the metric."""
    return [record for record in records if record.state == "done" and record.figure(metric) is not None]


def comparable(records: Sequence[Record]) -> list[list[Record]]:
    """Group runs on the same data and split; a run that has not read its data yet goes by the dataset's description.

    Words for the same data have changed between versions, so where there is a fingerprint it alone decides.
    """
    known = {r.dataset: r.fingerprint for r in records if r.fingerprint}
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        data = record.fingerprint or known.get(record.dataset, "")
        groups.setdefault((data, "" if data else record.dataset), []).append(record)
    return [group for _, group in sorted(groups.items(), key=lambda item: (item[1][0].dataset, item[0]))]


def best_run(root: Path, application: str, data: str | None = None) -> BestRun:
    """Return the best finished run of an application by the application's metric.

    Args:
        root: the registry's folder.
        application: its name.
        data: fingerprint of the data, or its first letters; without it the data with the most finished runs are
            taken, and among equals those of the newest run.

    Raises:
        UserError: no run has this application or these data, or no run is done.
    """
    contents = read_all(root)
    contents.warn(root)
    if not contents.records:
        raise UserError(Problem("no run in the registry", (str(root),), expected="a run that is done"))
    own = [record for record in contents.records if record.application == application]
    if not own:
        raise UserError(unknown("application", application, sorted({r.application for r in contents.records})))
    metric, better = metric_of(contents.notes.get(application, Notes()), own)
    groups = [group for records in comparable(own) if (group := finished(records, metric))]
    if not groups:
        what = f"no run of {application} is done with a finite {metric or 'metric'}"
        raise UserError(Problem(what, (str(root),), expected="a run that is done"))
    groups.sort(key=lambda group: (len(group), max(record.created for record in group)), reverse=True)
    matches = groups[:1] if data is None else [group for group in groups if group[0].fingerprint.startswith(data)]
    if len(matches) != 1:
        known = [group[0].fingerprint for group in groups]
        raise UserError(unknown("fingerprint of data", data, known, ("--data",)))
    others = [group for group in groups if group is not matches[0]]
    firsts = tuple(by_metric(group, metric, better)[0] for group in others)
    best, number = by_metric(matches[0], metric, better)[0], sum(map(len, others))
    return BestRun(best, metric, better, len(matches[0]), firsts, number)
