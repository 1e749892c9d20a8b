"""The registry for the terminal: selected runs, the best first."""

from dataclasses import dataclass
from pathlib import Path

from app.core.errors import UserError, unknown
from registry import cells, ranking
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
    "",  # the metric
    "against baselines",
    "time",
    "updated",
)


@dataclass(frozen=True)
class Listing:
    """A table of text: `header` above `rows`, the record of each row, and one line for each damaged file."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    records: tuple[Record, ...]
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
        UserError: no run has this application, state or metric.
    """
    contents = read_all(root)
    applications = sorted({r.application for r in contents.records} | set(contents.notes))
    chosen = [r for r in contents.records if application in (None, r.application) and state in (None, r.state)]
    metrics = sorted({r.metric for r in chosen if r.metric} | {metric for r in chosen for metric in r.metrics})
    for what, name, choices in (
        ("application", application, applications),
        ("state", state, list(STATES)),
        ("metric", sort, metrics),
    ):
        if name is not None and name not in choices:
            raise UserError(unknown(what, name, choices))
    rows, records = [], sort_records(contents, chosen, sort)
    for r in records:
        result = (cells.figure(r, sort) if sort else cells.result(r)) or r.reason
        own = (cells.state(r), r.model, cells.count(r.parameters), cells.loss(r), result, cells.against(r))
        name = f"{cells.SIMULATED} {r.run}" if r.simulated else r.run
        rows.append((r.application, name, *own, cells.duration(r.training_time), cells.minute(r.updated)))
    header = tuple(name or sort or "result" for name in COLUMNS)
    damaged = tuple(f"{root / path}: {line}" for path, line in contents.damaged.items())
    return Listing(header, tuple(rows), tuple(records), damaged)


def sort_records(contents: Contents, records: list[Record], metric: str | None) -> list[Record]:
    """Sort records by a metric, or without one application by application, each by its own metric."""
    if metric is not None:
        better: Better = next((r.better for r in records if r.metric == metric), "lower")
        return ranking.by_metric(records, metric, better)
    groups = {name: [r for r in records if r.application == name] for name in sorted({r.application for r in records})}
    metrics = {name: ranking.metric_of(contents.notes.get(name, Notes()), group) for name, group in groups.items()}
    return [r for name, group in groups.items() for r in ranking.by_metric(group, *metrics[name])]
