"""The registry for the terminal: chosen runs, the best first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.core.errors import UserError, unknown
from registry import cells, order
from registry.record import STATES, Better, Record
from registry.store import Contents, read_all


@dataclass(frozen=True)
class Listing:
    """A table of text: `columns` above `rows`, and one line for each damaged file."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    damaged: tuple[str, ...]


def listing(
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
    columns = ("application", "run", "state", "model", "parameters", "loss / transform", sort or "result",
               "against baselines", "time", "updated")  # fmt: skip
    return Listing(columns, tuple(_row(r, sort) for r in _sorted(records, sort)), tuple(contents.damaged.values()))


def _chosen(contents: Contents, application: str | None, state: str | None, sort: str | None) -> list[Record]:
    _known("application", application, sorted({r.application for r in contents.records} | set(contents.notes)))
    _known("state", state, list(STATES))
    records = [r for r in contents.records if application in (None, r.application) and state in (None, r.state)]
    _known("metric", sort, sorted({r.metric for r in records if r.metric} | {m for r in records for m in r.metrics}))
    return records


def _known(what: str, name: str | None, choices: list[str]) -> None:
    if name is not None and name not in choices:
        raise UserError(unknown(what, name, choices))


def _sorted(records: list[Record], sort: str | None) -> list[Record]:
    if sort is not None:
        better: Better = next((r.better for r in records if r.metric == sort), "lower")
        return order.by_metric(records, sort, better)
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.application, record.metric), []).append(record)
    return [r for key in sorted(groups) for r in order.by_metric(groups[key], key[1], groups[key][0].better)]


def _row(r: Record, sort: str | None) -> tuple[str, ...]:
    figure = cells.figure(r, sort or r.metric)
    result = figure if sort or not figure else f"{r.metric} {figure}"
    mark = f"{cells.SIMULATED} " if r.simulated else ""
    return (r.application, mark + r.run, cells.state(r), r.model, cells.count(r.parameters), cells.loss(r),
            result or r.reason, cells.against(r), cells.duration(r.training_time), cells.day(r.updated))  # fmt: skip
