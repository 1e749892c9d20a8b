"""Which runs are comparable, and which is best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry.notes import Notes
from registry.record import STATES, Better, Record


def metric_of(notes: Notes, records: Sequence[Record]) -> tuple[str, Better]:
    """The notes name the metric of an application; without them it is the newest run's."""
    if notes.metric:
        return notes.metric, notes.better
    named = [r for r in records if r.metric]
    newest = max(named, key=lambda r: (r.created, r.run), default=None)
    return (newest.metric, newest.better) if newest else ("", "lower")


def by_metric(records: Iterable[Record], metric: str, better: Better) -> list[Record]:
    """Sort the best first; runs without a value follow, by state, the newest first."""
    newest = sorted(records, key=lambda r: (r.created, r.run), reverse=True)
    return sorted(newest, key=lambda r: _rank(r, metric, better))


def _rank(record: Record, metric: str, better: Better) -> tuple[int, float]:
    value = record.figure(metric)
    if value is None:
        return 1 + STATES.index(record.state), 0.0
    return 0, value if better == "lower" else -value


def best(records: Sequence[Record], metric: str, better: Better) -> Record | None:
    """Return the best run that is done, or None."""
    done = [r for r in records if r.state == "done" and r.figure(metric) is not None]
    return by_metric(done, metric, better)[0] if done else None


def comparable(records: Sequence[Record]) -> list[list[Record]]:
    """Group runs on the same data and split; one that has not read its data yet goes by the dataset's description."""
    known = {r.dataset: r.fingerprint for r in records if r.fingerprint}
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        data = record.fingerprint or known.get(record.dataset, "")
        groups.setdefault((record.dataset, data), []).append(record)
    return [groups[key] for key in sorted(groups)]
