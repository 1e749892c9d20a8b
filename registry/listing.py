"""The registry for the terminal: chosen runs, the best first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.core.errors import UserError, unknown
from registry import cells, order
from registry.notes import Notes
from registry.record import STATES, Better, Record
from registry.store import Contents, read_all

COLUMNS = (
    "application",
    "run",
    "state",
    "model",
    "parameters",
    "loss / transform",
    "",  # the figure
    "against baselines",
    "time",
    "updated",
)


@dataclass(frozen=True)
class Listing:
    """A table of text: `header` above `rows`, and one line for each damaged file."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    damaged: tuple[str, ...]


def list_runs(
    root: Path, *, application: str | None = None, state: str | None = None, sort: str | None = None
) -> Listing:
    """List the runs of an application in a state, sorted by a metric.

    Args:
        root: the registry's folder.
        application: only its runs; each application is sorted by its own metric unless `sort` is given.
        state: only runs in this state.
        sort: the metric to sort by, any that a listed run has recorded.

    Raises:
        UserError: an application, state or metric that no run knows.
    """
    contents = read_all(root)
    records = _chosen(contents, application, state, sort)
    header = tuple(name or sort or "result" for name in COLUMNS)
    damaged = tuple(f"{root / path}: {line}" for path, line in contents.damaged.items())
    return Listing(header, tuple(_row(r, sort) for r in _sorted(contents, records, sort)), damaged)


def _chosen(contents: Contents, application: str | None, state: str | None, sort: str | None) -> list[Record]:
    _known("application", application, sorted({r.application for r in contents.records} | set(contents.notes)))
    _known("state", state, list(STATES))
    records = [r for r in contents.records if application in (None, r.application) and state in (None, r.state)]
    _known("metric", sort, sorted({r.metric for r in records if r.metric} | {m for r in records for m in r.metrics}))
    return records


def _known(what: str, name: str | None, choices: list[str]) -> None:
    if name is not None and name not in choices:
        raise UserError(unknown(what, name, choices))


def _sorted(contents: Contents, records: list[Record], sort: str | None) -> list[Record]:
    if sort is not None:
        better: Better = next((r.better for r in records if r.metric == sort), "lower")
        return order.by_metric(records, sort, better)
    groups = {name: [r for r in records if r.application == name] for name in sorted({r.application for r in records})}
    metrics = {name: order.metric_of(contents.notes.get(name, Notes()), group) for name, group in groups.items()}
    return [r for name, group in groups.items() for r in order.by_metric(group, *metrics[name])]


def _row(r: Record, sort: str | None) -> tuple[str, ...]:
    figure = cells.figure(r, sort or r.metric)
    result = figure if sort or not figure else f"{r.metric} {figure}"
    mark = f"{cells.SIMULATED} " if r.simulated else ""
    return (
        r.application,
        mark + r.run,
        cells.state(r),
        r.model,
        cells.count(r.parameters),
        cells.loss(r),
        result or r.reason,
        cells.against(r),
        cells.duration(r.training_time),
        cells.day(r.updated),
    )
