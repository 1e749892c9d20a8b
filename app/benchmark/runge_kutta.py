"""Runge-Kutta compared with a network that extrapolates tracks: its speed and accuracy at several numbers of steps."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from app.benchmark.cpp_runge_kutta import measure_cpp
from app.benchmark.engines import measure_call
from app.benchmark.sampled_field import fast_field
from app.models.blocks.classical import STATE, TRACK_INPUTS
from app.physics.magnet import Magnet
from app.physics.propagation import Propagator
from registry.record import number

STEPS = (5, 10, 20, 40, 100)
Table = Mapping[str, Any]
Rows = list[dict[str, Any]]


def applies(magnet: Magnet | None, columns: Sequence[str], targets: Sequence[str]) -> bool:
    """Return whether Runge-Kutta can compute what the model predicts."""
    return magnet is not None and {*TRACK_INPUTS} <= set(columns) and {"x", "y"} <= set(targets)


def measure_reference(
    magnet: Magnet,
    columns: Table,
    truth: Table,
    tracks: int,
    warmup: int,
    iterations: int,
    cpp: bool = True,
    error: float = 0.0,
) -> Rows:
    """Return one row for each engine and number of steps: {"engine", "steps", "pos_mean_mm", ...}.

    Args:
        magnet: field and start plane.
        columns: input columns of the test tracks, (N,).
        truth: where they end.
        tracks: how many are propagated in one call: the test tracks again and again.
        warmup: calls that are not measured.
        iterations: calls that are measured.
        cpp: also compile and measure the program in C++.
        error: mean position error of what it is compared with [mm], see `fast_field`.
    """
    wide = {name: np.resize(np.asarray(values, np.float64), tracks) for name, values in columns.items()}
    state = np.stack([wide[name] for name in STATE], axis=-1)
    end = {name: np.resize(np.asarray(truth[name], np.float64), tracks) for name in ("x", "y")}
    field = fast_field(magnet, wide, error)
    rows: Rows = []
    ends: dict[int, Any] = {}
    for dtype in ("float64", "float32"):
        call = partial(Propagator(field, dtype=dtype), state, wide["qop"], magnet.start(wide), wide["dz"])
        for steps in STEPS:
            states = call(steps).state
            ends.setdefault(steps, states)  # of float64, which comes first
            errors = position_errors(states[:, 0] - end["x"], states[:, 1] - end["y"])
            row = {"engine": f"rk4_xla_{dtype}", "steps": steps, **errors, "tracks": tracks}
            rows.append(row | measure_call(partial(call, steps), warmup, iterations).per_rows(tracks))
    return rows + (measure_cpp(magnet, wide, end, ends, field) if cpp else [])


def position_errors(dx: Any, dy: Any) -> dict[str, float]:
    """Return mean and 95 % of the position error [mm]."""
    error = np.hypot(dx, dy)
    return {"pos_mean_mm": float(error.mean()), "pos_95_mm": float(np.quantile(error, 0.95))}


def describe(error: float, throughput: float, rows: Rows) -> str:
    """Say which is faster at equal accuracy.

    Args:
        error: of the model, mean position error [mm].
        throughput: of the model, tracks/s.
        rows: of `measure_reference`.
    """
    as_good = [row for row in rows if row["pos_mean_mm"] <= error]
    if not as_good:
        closest = min(rows, key=lambda row: float(row["pos_mean_mm"]))
        best_known = f"{number(closest['pos_mean_mm'])} mm at {closest['steps']} steps"
        return f"no Runge-Kutta reaches the model's {number(error)} mm: {best_known}"
    best = max(as_good, key=lambda row: float(row["throughput"]))
    ratio = best["throughput"] / throughput
    engine = f"{best['engine']} with {best['steps']} steps ({number(best['pos_mean_mm'])} mm)"
    rates = f"{best['throughput']:,.0f} against {throughput:,.0f} tracks/s at {number(error)} mm or better"
    if ratio > 1:
        return f"{engine} WINS by {ratio:.1f}x: {rates}"
    return f"the model wins over {engine} by {1 / ratio:.1f}x: {rates}"
