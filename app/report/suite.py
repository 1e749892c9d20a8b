"""The track suite: the finished runs on one set of data, and the references that they are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.comparison.compared_run import best_runge_kutta
from app.report.section import Section

TRACKS = "track_extrapolation"


@dataclass(frozen=True)
class SuiteRow:
    """One row of the track suite's summary; None where it was not measured."""

    run: str
    anchor: str
    model: str
    parameters: int | None
    mean: float | None
    tail: float | None
    throughput: float | None
    time: float | None
    is_reference: bool = False


def make_suite(sections: Sequence[Section]) -> list[SuiteRow]:
    """Return the rows of finished runs on the same data, then those of the references.

    Runge-Kutta, as measured with these runs, is one of the references.
    """
    rows: list[SuiteRow] = []
    for section in sections:
        record = section.record
        mean, tail = record.figure("pos_mean_mm"), record.figure("pos_95_mm")
        values = (record.parameters, mean, tail, section.throughput, record.training_time, section.is_reference)
        rows.append(SuiteRow(record.run, section.anchor, record.model, *values))
    measured = [section for section in sections if section.benchmark.get("runge_kutta")]
    for row in best_runge_kutta(section.benchmark for section in measured):
        values = (None, row.mean, row.tail, row.throughput, None, True)
        rows.append(SuiteRow("measured with these runs", measured[0].anchor, row.name, *values))
    return sorted(rows, key=lambda row: row.is_reference)
