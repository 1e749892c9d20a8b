"""The runs of one application in order, and the summary of the track suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.comparison.throughput import runge_kutta
from app.report.section import Section
from app.report.speed_figure import speed_picture
from registry import Record, ranking
from registry.notes import Notes
from registry.store import Contents

TRACKS = "track_extrapolation"


@dataclass(frozen=True)
class Leaderboard:
    """The runs of an application: those on the same data together, large groups before small, the best run first."""

    application: str
    metric: str
    better: str
    goal: str
    groups: Sequence[tuple[str, Sequence[Section]]]

    @property
    def speeds(self) -> list[tuple[str, str]]:
        """Data set and its picture of accuracy against speed, where runs were benchmarked."""
        drawn = [(data, speed_picture(_done(group), self.metric, self.better)) for data, group in self.groups]
        return [(data, address) for data, address in drawn if address]

    @property
    def sections(self) -> list[Section]:
        """All runs in order."""
        return [one for _, group in self.groups for one in group]

    @property
    def suite(self) -> list[Suite]:
        """The rows of the summary: finished runs, then the references that they are compared with."""
        if self.application != TRACKS:
            return []
        rows = [row for data, group in self.groups for row in _of_group(data, _done(group))]
        return sorted(rows, key=lambda row: row.is_reference)

    @property
    def has_rk4(self) -> bool:
        """Whether the summary holds a Runge-Kutta row."""
        return any("rk4" in row.model.lower() and row.is_reference for row in self.suite)


@dataclass(frozen=True)
class Suite:
    """One row of the track suite's summary; None where it was not measured."""

    run: str
    anchor: str
    model: str
    data: str
    parameters: int | None
    mean: float | None
    tail: float | None
    throughput: float | None
    time: float | None
    is_reference: bool = False


def _done(group: Sequence[Section]) -> list[Section]:
    return [one for one in group if one.record.state == "done"]


def _of_group(data: str, done: Sequence[Section]) -> Iterator[Suite]:
    """Yield the rows of runs on the same data, then Runge-Kutta as measured with them."""
    yield from (_of_run(one, data) for one in done)
    measured = [one for one in done if one.benchmark.get("runge_kutta")]
    for row in runge_kutta(one.benchmark for one in measured):
        figures = (None, row.mean, row.tail, row.throughput, None)
        yield Suite("measured with these runs", measured[0].anchor, row.name, data, *figures, is_reference=True)


def _of_run(one: Section, data: str) -> Suite:
    record = one.record
    mean, tail = (record.figure(name) for name in ("pos_mean_mm", "pos_95_mm"))
    figures = (record.parameters, mean, tail, one.throughput, record.training_time)
    return Suite(record.run, one.anchor, record.model, data, *figures, is_reference=one.is_reference)


def leaderboards(contents: Contents, sections: Mapping[str, Section]) -> list[Leaderboard]:
    """Return one leaderboard for each application that has runs."""
    names = sorted({one.record.application for one in sections.values()})
    return [_leaderboard(name, contents, sections) for name in names]


def _leaderboard(name: str, contents: Contents, sections: Mapping[str, Section]) -> Leaderboard:
    notes = contents.notes.get(name, Notes())
    records = [record for record in contents.records if record.application == name]
    metric, better = ranking.metric_of(notes, records)
    groups = []
    for group in ranking.comparable(records):
        ranked = ranking.by_metric(group, metric, better)
        groups.append((_data(ranked), [sections[record.run] for record in ranked]))
    groups.sort(key=lambda group: -len(group[1]))  # what most runs can be compared on stands first
    return Leaderboard(name, metric, better, notes.goal, groups)


def _data(group: Sequence[Record]) -> str:
    mark = next((r.fingerprint[:8] for r in group if r.fingerprint), "")
    said = group[0].dataset or "data not named"
    return f"{said} ({mark})" if mark else said
