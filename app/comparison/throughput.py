"""What benchmark.json says: events per second of a run, and Runge-Kutta for comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BETTER = 0.99
"""A row is more accurate than another when its error is below so many times the other's: the rest is rounding."""


@dataclass(frozen=True)
class RungeKutta:
    """One row of Runge-Kutta: how accurate, and how fast.

    Attributes:
        engine: e.g. rk4_cpp_1_thread.
        steps: of a track.
        mean: position error [mm].
        tail: 95 % of the tracks are better [mm].
        throughput: tracks/s.
    """

    engine: str
    steps: int
    mean: float
    tail: float
    throughput: float

    @property
    def name(self) -> str:
        """As in a table: 'RK4, 5 steps (cpp 1 thread)'."""
        engine = self.engine.removeprefix("rk4_").replace("_", " ")
        return f"RK4, {self.steps} step{'s' if self.steps > 1 else ''} ({engine})"


def throughput(benchmark: Mapping[str, Any], device: str = "cpu") -> float | None:
    """Return the highest throughput [events/s] of any engine and batch size, None where none was measured.

    Args:
        benchmark: content of benchmark.json.
        device: cpu or gpu.
    """
    rows = (row.get(f"throughput_{device}") for _, row in batch_sizes(benchmark))
    return max((float(value) for value in rows if isinstance(value, int | float)), default=None)


def batch_sizes(benchmark: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return (batch size, its figures)."""
    found = benchmark.get("batch_sizes")
    return [(s, row) for s, row in found.items() if isinstance(row, Mapping)] if isinstance(found, Mapping) else []


def runge_kutta(benchmarks: Iterable[Mapping[str, Any]]) -> list[RungeKutta]:
    """Return the rows of Runge-Kutta that no other one beats in speed and accuracy, the fastest first.

    Args:
        benchmarks: contents of benchmark.json of runs on the same data.
    """
    kept: list[RungeKutta] = []
    for row in sorted(_rows(benchmarks), key=lambda row: -row.throughput):
        if not kept or row.mean < BETTER * kept[-1].mean:
            kept.append(row)
    return kept


def _rows(benchmarks: Iterable[Mapping[str, Any]]) -> Iterator[RungeKutta]:
    for benchmark in benchmarks:
        rows = benchmark.get("runge_kutta")
        for row in rows if isinstance(rows, Sequence) else ():
            if isinstance(row, Mapping) and {"engine", "steps", "pos_mean_mm", "pos_95_mm", "throughput"} <= row.keys():
                errors = float(row["pos_mean_mm"]), float(row["pos_95_mm"])
                yield RungeKutta(str(row["engine"]), int(row["steps"]), *errors, float(row["throughput"]))
