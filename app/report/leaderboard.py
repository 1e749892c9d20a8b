"""The runs of one application, those on the same data together: their order, baselines, targets, speed."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.comparison.compared_run import best_runge_kutta
from app.comparison.curves import BenchmarkedRun, speed_and_accuracy
from app.comparison.tables import Table, convergence
from app.plots.drawing.style import style
from app.report.section import Section
from app.report.suite import TRACKS, SuiteRow, make_suite
from registry import Better, Record, ranking
from registry.notes import Notes, Target
from registry.record import describe_factor, is_better
from registry.store import Contents

MOST = 24
"""The most runs in one picture, the best ones: more have no room in its legend."""
FIRST_SEEN = ("truth_prediction", "roc", "opening_angle", "error_against_momentum", "residuals", "resolution")
"""The plots that show best how good a run is, by the beginning of their names; the first that is there is shown."""


@dataclass(frozen=True)
class Group:
    """The runs of an application on the same data and split, the best first.

    Attributes:
        anchor: the group's address in the page.
        data: what the data are.
    """

    anchor: str
    data: str
    metric: str
    better: Better
    sections: Sequence[Section]

    @property
    def finished(self) -> list[Section]:
        """The runs that are done."""
        return [section for section in self.sections if section.record.state == "done"]

    @property
    def best(self) -> Section | None:
        """The best of the runs that are done, None where none has a finite value."""
        return next((s for s in self.finished if s.record.figure(self.metric) is not None), None)

    @property
    def baselines(self) -> list[tuple[str, float, str]]:
        """Each baseline of the best run, the strongest first: its value, and how the run compares with it."""
        if self.best is None or self.best.record.metric != self.metric:
            return []
        value, known = self.best.record.value, self.best.record.baselines.items()
        pairs = sorted(((name, b) for name, b in known if b is not None), key=lambda pair: pair[1])
        return [(name, b, self._against(value, b)) for name, b in pairs[:: 1 if self.better == "lower" else -1]]

    def _against(self, value: float | None, baseline: float) -> str:
        if value is None or value == baseline:
            return "NOT beaten"
        factor = describe_factor(value, baseline)
        return f"beaten by {factor}" if is_better(value, baseline, self.better) else f"NOT beaten: {factor} worse"

    def judge(self, target: Target) -> str:
        """Return whether the best run meets a target of the application's notes."""
        value = None if self.best is None else self.best.record.figure(self.metric)
        return "no finished run" if value is None else target.judge(value, self.better)

    @property
    def picture(self) -> tuple[str, str] | None:
        """Name and address of the plot of the best run that shows best how good it is."""
        pictures = self.best.pictures if self.best else {}
        order = [name for first in FIRST_SEEN for name in pictures if name.replace(" ", "_").startswith(first)]
        return next(((name, pictures[name]) for name in (*order, *pictures)), None)

    @property
    def suite(self) -> list[SuiteRow]:
        """The rows of the track suite, where these are its runs."""
        is_track = any(section.record.application == TRACKS for section in self.sections)
        return make_suite(self.finished) if is_track else []

    @property
    def has_rk4(self) -> bool:
        """Whether the suite holds a Runge-Kutta row."""
        return any("rk4" in row.model.lower() and row.is_reference for row in self.suite)

    @property
    def convergence(self) -> list[Table]:
        """How fast the trainings of the finished runs converged, and the terms of their losses."""
        trainings = {s.record.run: known for s in self.finished if (known := s.convergence) is not None}
        return list(convergence(trainings)) if trainings else []

    @cached_property
    def speed(self) -> str:
        """Accuracy against speed as a data address, "" where too few runs were benchmarked."""
        return speed_picture(self.finished, self.metric, self.better)


@dataclass(frozen=True)
class Leaderboard:
    """The runs of an application: the data with most finished runs first."""

    application: str
    metric: str
    better: Better
    notes: Notes
    groups: Sequence[Group]

    @property
    def leading_task(self) -> str:
        """Whose metric it is that orders runs of several tasks."""
        return ranking.leading_task((section.record for section in self.sections), self.metric)

    @property
    def sections(self) -> list[Section]:
        """All runs in order."""
        return [section for group in self.groups for section in group.sections]


def make_leaderboards(contents: Contents, sections: Mapping[str, Section]) -> list[Leaderboard]:
    """Return one leaderboard for each application that has runs."""
    boards = []
    for application in sorted({section.record.application for section in sections.values()}):
        notes = contents.notes.get(application, Notes())
        records = [record for record in contents.records if record.application == application]
        metric, better = ranking.metric_of(notes, records)
        ranked = [ranking.by_metric(group, metric, better) for group in ranking.comparable(records)]
        ranked.sort(key=lambda group: (-len(ranking.finished(group, metric)), -len(group)))
        groups = [
            Group(f"{application}:{n}", describe_data(group), metric, better, [sections[r.run] for r in group])
            for n, group in enumerate(ranked, 1)
        ]
        boards.append(Leaderboard(application, metric, better, notes, groups))
    return boards


def describe_data(group: Sequence[Record]) -> str:
    """Return the description of the data of runs on the same data, with the first letters of its fingerprint."""
    fingerprint = next((record.fingerprint[:8] for record in group if record.fingerprint), "")
    description = group[0].dataset or ("data not named" if fingerprint else "data not read yet")
    simulated = "simulated: " if any(record.simulated for record in group) else ""
    return f"{simulated}{description} ({fingerprint})" if fingerprint else description


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
