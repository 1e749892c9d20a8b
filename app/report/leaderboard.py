"""The runs of one application in order, their speed in one picture, and the summary of the track suite."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.comparison.compared_run import best_runge_kutta
from app.comparison.curves import BenchmarkedRun, speed_and_accuracy
from app.plots.drawing.style import style
from app.report.section import Section
from registry import Record, ranking
from registry.notes import Notes
from registry.store import Contents

TRACKS = "track_extrapolation"
MOST = 24
"""The most runs in one picture, the best ones: more have no room in its legend."""


@dataclass(frozen=True)
class SuiteRow:
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
        pictures = [(data, speed_picture(sections, self.metric, self.better)) for data, sections in self.finished]
        return [(data, address) for data, address in pictures if address]

    @property
    def sections(self) -> list[Section]:
        """All runs in order."""
        return [section for _, sections in self.groups for section in sections]

    @property
    def finished(self) -> list[tuple[str, list[Section]]]:
        """The groups without the runs that are not done."""
        return [(data, [s for s in sections if s.record.state == "done"]) for data, sections in self.groups]

    @property
    def suite(self) -> list[SuiteRow]:
        """The rows of the summary: finished runs, then the references that they are compared with.

        Runge-Kutta, as measured with the runs on the same data, is one of the references.
        """
        rows: list[SuiteRow] = []
        if self.application != TRACKS:
            return rows
        for data, sections in self.finished:
            for section in sections:
                record, reference = section.record, section.is_reference
                mean, tail = record.figure("pos_mean_mm"), record.figure("pos_95_mm")
                speed = (section.throughput, record.training_time)
                values = (data, record.parameters, mean, tail, *speed, reference)
                rows.append(SuiteRow(record.run, section.anchor, record.model, *values))
            measured = [section for section in sections if section.benchmark.get("runge_kutta")]
            for row in best_runge_kutta(section.benchmark for section in measured):
                values = (data, None, row.mean, row.tail, row.throughput, None, True)
                rows.append(SuiteRow("measured with these runs", measured[0].anchor, row.name, *values))
        return sorted(rows, key=lambda row: row.is_reference)

    @property
    def has_rk4(self) -> bool:
        """Whether the summary holds a Runge-Kutta row."""
        return any("rk4" in row.model.lower() and row.is_reference for row in self.suite)


def make_leaderboards(contents: Contents, sections: Mapping[str, Section]) -> list[Leaderboard]:
    """Return one leaderboard for each application that has runs."""
    boards = []
    for application in sorted({section.record.application for section in sections.values()}):
        notes = contents.notes.get(application, Notes())
        records = [record for record in contents.records if record.application == application]
        metric, better = ranking.metric_of(notes, records)
        groups = []
        for group in ranking.comparable(records):
            ranked = ranking.by_metric(group, metric, better)
            groups.append((describe_data(ranked), [sections[record.run] for record in ranked]))
        groups.sort(key=lambda group: -len(group[1]))  # first the data on which most runs can be compared
        boards.append(Leaderboard(application, metric, better, notes.goal, groups))
    return boards


def describe_data(group: Sequence[Record]) -> str:
    """Return the description of the data of runs on the same data, with the first letters of its fingerprint."""
    fingerprint = next((record.fingerprint[:8] for record in group if record.fingerprint), "")
    description = group[0].dataset or "data not named"
    return f"{description} ({fingerprint})" if fingerprint else description


def speed_picture(sections: Sequence[Section], metric: str, better: str) -> str:
    """Return accuracy against speed as the data address of a PNG, "" where it would have fewer than two points.

    Args:
        sections: finished runs on the same data, the best first.
        metric: the leading metric.
        better: "lower" or "higher".
    """
    benchmarked = []
    for section in sections:
        record, value = section.record, section.record.figure(metric)
        if value is not None and section.throughput:
            benchmarked.append(BenchmarkedRun(record.run, section.family, section.throughput, value))
    runge_kutta = best_runge_kutta(section.benchmark for section in sections) if metric == "pos_mean_mm" else []
    if not benchmarked or len(benchmarked[:MOST]) + len(runge_kutta) < 2:
        return ""
    buffer = io.BytesIO()
    figure = speed_and_accuracy(benchmarked[:MOST], runge_kutta, metric, better)
    with style():
        figure.savefig(buffer, format="png", dpi=100)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
