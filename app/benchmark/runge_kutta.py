"""Runge-Kutta beside a network that extrapolates tracks: how fast it is, and how accurate, at several steps."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.benchmark.timing import timed
from app.core.errors import WirechamberError
from app.core.files import REPOSITORY
from app.core.system import cores
from app.models.blocks.classical import STATE, TRACK_INPUTS
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.magnet import Magnet
from app.physics.propagation import Propagator
from registry.record import number

STEPS = (5, 10, 20, 40, 100)
SOURCE = REPOSITORY / "benchmarks" / "cpp" / "rk4.cpp"
COMPILE = ("g++", "-O3", "-march=native", "-ffast-math", "-std=c++17", "-pthread")
CPP_Z, CPP_DZ = 2665.0, 5161.0
"""The start plane and the distance that the C++ program is written for, [mm]; its field is the default dipole."""

Table = Mapping[str, Any]
Rows = list[dict[str, Any]]


def applies(magnet: Magnet | None, columns: Sequence[str], targets: Sequence[str]) -> bool:
    """Whether Runge-Kutta knows what the model is asked for."""
    return magnet is not None and {*TRACK_INPUTS} <= set(columns) and {"x", "y"} <= set(targets)


def reference(magnet: Magnet, columns: Table, truth: Table, tracks: int, warmup: int, iterations: int) -> Rows:
    """Return one row for each engine and number of steps: {"engine", "steps", "pos_mean_mm", ...}.

    Args:
        magnet: field and start plane.
        columns: input columns of the test tracks, (N,).
        truth: where they end.
        tracks: how many are propagated in one call: the test tracks again and again.
        warmup: calls that are not measured.
        iterations: calls that are measured.
    """
    wide = {name: np.resize(np.asarray(values, np.float64), tracks) for name, values in columns.items()}
    state = np.stack([wide[name] for name in STATE], axis=-1)
    end = {name: np.resize(np.asarray(truth[name], np.float64), tracks) for name in ("x", "y")}
    rows: Rows = []
    ends: dict[int, float] = {}
    for dtype in ("float64", "float32"):
        call = partial(Propagator(magnet.field, dtype=dtype), state, wide["qop"], magnet.start(wide), wide["dz"])
        for steps in STEPS:
            found = call(steps).state
            ends.setdefault(steps, float(found[:, 0].sum()))  # of float64, which comes first
            errors = position_errors(found[:, 0] - end["x"], found[:, 1] - end["y"])
            row = {"engine": f"rk4_xla_{dtype}", "steps": steps, **errors, "tracks": tracks}
            rows.append(row | timed(partial(call, steps), warmup, iterations).of(tracks))
    return rows + (_in_cpp(state, wide["qop"], rows, ends) if _is_for_cpp(magnet, wide) else [])


def position_errors(dx: Any, dy: Any) -> dict[str, float]:
    """Return mean and 95 % of the position error [mm]."""
    error = np.hypot(dx, dy)
    return {"pos_mean_mm": float(error.mean()), "pos_95_mm": float(np.quantile(error, 0.95))}


def _is_for_cpp(magnet: Magnet, columns: Table) -> bool:
    there = SOURCE.exists() and shutil.which("g++") is not None
    place = magnet.z_start == CPP_Z and bool(np.all(columns["dz"] == CPP_DZ))
    return there and place and magnet.field == GaussianDipole()


def _in_cpp(state: Any, qop: Any, rows: Rows, ends: Mapping[int, float]) -> Rows:
    """Return the rows of the program in C++, float64; that its tracks end where they do in XLA is checked."""
    same = {row["steps"]: row for row in rows if row["engine"] == "rk4_xla_float64"}
    errors = {steps: {name: row[name] for name in ("pos_mean_mm", "pos_95_mm")} for steps, row in same.items()}
    found: Rows = []
    with tempfile.TemporaryDirectory() as name:
        program, data = Path(name) / "rk4", Path(name) / "tracks.bin"
        subprocess.run([*COMPILE, "-o", str(program), str(SOURCE)], check=True, capture_output=True)
        np.ascontiguousarray(np.column_stack([state, qop]).T).tofile(data)
        for threads in sorted({1, cores()}):
            for steps in STEPS:
                words = [str(word) for word in (program, data, len(qop), steps, threads)]
                seconds = float(np.median([_seconds(words, ends[steps]) for _ in range(5)]))
                row = {
                    "engine": f"rk4_cpp_{threads}_thread{'s' if threads > 1 else ''}",
                    "steps": steps,
                    **errors[steps],
                }
                found.append(row | {"tracks": len(qop), "median": seconds, "throughput": len(qop) / seconds})
    return found


def _seconds(words: list[str], expected: float) -> float:
    seconds, total = map(float, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    if abs(total - expected) > 1e-6 * max(1.0, abs(expected)):
        raise WirechamberError(f"{SOURCE}: the sum of x is {total}, and {expected} in XLA.")
    return seconds


def describe(error: float, throughput: float, rows: Rows) -> str:
    """Say which is faster at equal accuracy.

    Args:
        error: of the model, mean position error [mm].
        throughput: of the model, tracks/s.
        rows: of `reference`.
    """
    as_good = [row for row in rows if row["pos_mean_mm"] <= error]
    if not as_good:
        closest = min(rows, key=lambda row: float(row["pos_mean_mm"]))
        reached = f"{number(closest['pos_mean_mm'])} mm at {closest['steps']} steps"
        return f"no Runge-Kutta reaches the model's {number(error)} mm: {reached}"
    best = max(as_good, key=lambda row: float(row["throughput"]))
    ratio = best["throughput"] / throughput
    words = f"{best['engine']} with {best['steps']} steps ({number(best['pos_mean_mm'])} mm)"
    told = f"{best['throughput']:,.0f} against {throughput:,.0f} tracks/s at {number(error)} mm or better"
    return (
        f"{words} WINS by {ratio:.1f}x: {told}"
        if ratio > 1
        else f"the model wins over {words} by {1 / ratio:.1f}x: {told}"
    )
