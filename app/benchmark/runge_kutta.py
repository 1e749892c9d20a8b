"""Runge-Kutta compared with a network that extrapolates tracks: its speed and accuracy at several numbers of steps."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.benchmark.engines import measure_call
from app.core.errors import WirechamberError
from app.core.files import REPOSITORY
from app.core.system import cores, describe_end
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
    """Return whether Runge-Kutta can compute what the model predicts."""
    return magnet is not None and {*TRACK_INPUTS} <= set(columns) and {"x", "y"} <= set(targets)


def measure_reference(magnet: Magnet, columns: Table, truth: Table, tracks: int, warmup: int, iterations: int) -> Rows:
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
            states = call(steps).state
            ends.setdefault(steps, float(states[:, 0].sum()))  # of float64, which comes first
            errors = position_errors(states[:, 0] - end["x"], states[:, 1] - end["y"])
            row = {"engine": f"rk4_xla_{dtype}", "steps": steps, **errors, "tracks": tracks}
            rows.append(row | measure_call(partial(call, steps), warmup, iterations).per_rows(tracks))
    written_for = magnet.z_start == CPP_Z and bool(np.all(wide["dz"] == CPP_DZ)) and magnet.field == GaussianDipole()
    if written_for and SOURCE.exists() and shutil.which("g++") is not None:
        rows += measure_cpp(state, wide["qop"], rows, ends)
    return rows


def position_errors(dx: Any, dy: Any) -> dict[str, float]:
    """Return mean and 95 % of the position error [mm]."""
    error = np.hypot(dx, dy)
    return {"pos_mean_mm": float(error.mean()), "pos_95_mm": float(np.quantile(error, 0.95))}


def measure_cpp(state: Any, qop: Any, rows: Rows, ends: Mapping[int, float]) -> Rows:
    """Return the rows of the program in C++, float64.

    Args:
        state: x, y [mm], tx, ty at the start, (N, 4).
        qop: of the tracks [1/GeV], (N,).
        rows: of XLA, whose errors are also those of the program.
        ends: sum of x at the end by number of steps in XLA, which the program must reproduce.

    Raises:
        WirechamberError: the tracks of the program end elsewhere.
    """
    same = {row["steps"]: row for row in rows if row["engine"] == "rk4_xla_float64"}
    measured: Rows = []
    with tempfile.TemporaryDirectory() as name:
        program, data = Path(name) / "rk4", Path(name) / "tracks.bin"
        _run(*COMPILE, "-o", str(program), str(SOURCE))
        np.ascontiguousarray(np.column_stack([state, qop]).T).tofile(data)
        for threads in sorted({1, cores()}):
            for steps in STEPS:
                command = [str(part) for part in (program, data, len(qop), steps, threads)]
                times = []
                for _ in range(5):
                    seconds, total = map(float, _run(*command).split())
                    if abs(total - ends[steps]) > 1e-6 * max(1.0, abs(ends[steps])):
                        raise WirechamberError(f"{SOURCE}: the sum of x is {total}, and {ends[steps]} in XLA.")
                    times.append(seconds)
                median = float(np.median(times))
                engine = f"rk4_cpp_{threads}_thread{'s' if threads > 1 else ''}"
                errors = {name: same[steps][name] for name in ("pos_mean_mm", "pos_95_mm")}
                row = {"engine": engine, "steps": steps, **errors, "tracks": len(qop)}
                measured.append(row | {"median": median, "throughput": len(qop) / median})
    return measured


def _run(*command: str) -> str:
    """Return what a command writes; raises WirechamberError when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = next(reversed(done.stderr.strip().splitlines()), "nothing")
        raise WirechamberError(f"{command[0]} {describe_end(done.returncode)}, and wrote last: {last}")
    return done.stdout


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
