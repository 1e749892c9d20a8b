"""Runge-Kutta in C++ through any field that the headers know: the fastest competitor of a network on a processor."""

import logging
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.benchmark.sampled_field import fast_field
from app.core.errors import UserError, WirechamberError
from app.core.system import cores, describe_end
from app.export.cpp_check import compile_program, find_compiler
from app.export.cpp_header import library, map_bytes
from app.export.cpp_tracks import MAP, field_type
from app.models.blocks.classical import STATE
from app.physics.fields.field_map import FieldMap
from app.physics.magnet import Magnet
from app.physics.magnetic_field import Field

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).parent / "cpp" / "runge_kutta.cpp"
INCLUDES = (
    *("algorithm", "array", "chrono", "cmath", "cstddef", "cstdint", "cstdio", "cstdlib", "cstring", "fstream"),
    *("stdexcept", "string", "thread", "utility", "vector"),
)
STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 25, 30, 40, 60, 100)
TOLERANCES = (1.0, 0.1, 0.01, 1e-3)
"""Largest error of a step of Cash and Karp [mm]: each track then chooses its own steps."""
METHODS = {"rk4": STEPS, "cash_karp": TOLERANCES, "scalar": STEPS, "scalar_cash_karp": TOLERANCES}
ENGINES = {
    "rk4": "rk4_cpp_{threads}",
    "cash_karp": "cash_karp_cpp_{threads}",
    "scalar": "rk4_cpp_track_by_track",
    "scalar_cash_karp": "cash_karp_cpp_track_by_track",
}
LANES, REPEATS = 16, 11
ROUNDING = 0.02
"""How far from XLA's ends the program's may be on average [mm]: it computes in float32, on tracks of metres."""


def measure_cpp(
    magnet: Magnet,
    columns: Mapping[str, Any],
    end: Mapping[str, Any],
    ends: Mapping[int, Any],
    field: Field | None = None,
) -> list[Any]:
    """Return the rows of the program: mean and 95 % of the position error by method, steps and threads.

    Where there is no compiler, or the field is none that the program knows, that is logged and there are none.

    Args:
        magnet: field and start plane.
        columns: of the tracks, (N,).
        end: x and y [mm] where they end, (N,).
        ends: states (N, 4) by number of steps that another implementation gives.
        field: the result of `fast_field`, where it is known already.

    Raises:
        WirechamberError: the program does not compile, fails, or its tracks end elsewhere than in `ends`.
    """
    compiler = find_compiler()
    try:
        kind, members = field_type(magnet)
    except UserError as error:
        logger.info("no Runge-Kutta in C++: %s", error)
        return []
    if compiler is None:
        logger.info("no Runge-Kutta in C++: no compiler found")
        return []
    count = len(columns["qop"]) // LANES * LANES
    if not count:
        return []
    field = fast_field(magnet, columns) if field is None else field
    if isinstance(field, FieldMap):
        kind, members = MAP, ""
    with tempfile.TemporaryDirectory() as name:
        program = build_program(compiler, Path(name), field, kind, members)
        tracks = write_tracks(Path(name) / "tracks.bin", magnet, columns, count)
        rows = []
        for threads in sorted({1, cores()}):
            methods = METHODS if threads == 1 else {"rk4": STEPS}
            rows += run_program(program, tracks, count, threads, methods, end, ends)
    return rows


def build_program(compiler: str, folder: Path, field: Any, kind: str, members: str) -> Path:
    """Compile the program for a field; a map is written beside it."""
    text = f"{kind} field{{{members}}}"
    if kind == MAP:
        (folder / "map.bin").write_bytes(map_bytes(field))
        text = f'Map field("{folder / "map.bin"}")'
    includes = "\n".join(f"#include <{name}>" for name in INCLUDES)
    own = f"namespace rk {{\n{library('lanes', 'track', 'fields', 'harmonic')}\n}}"
    program = SOURCE.read_text(encoding="utf-8").replace("FIELD;", f"const {text};")
    compile_program(
        compiler, f"{includes}\n{own}\n{program}", folder / "runge_kutta", options=("-pthread", "-Wno-psabi")
    )
    return folder / "runge_kutta"


def write_tracks(file: Path, magnet: Magnet, columns: Mapping[str, Any], count: int) -> Path:
    """Write the tracks as the program reads them."""
    start = np.broadcast_to(magnet.start(columns), len(columns["qop"]))
    table = [*(columns[name] for name in (*STATE, "qop")), start, columns["dz"]]
    np.stack([np.asarray(values)[:count] for values in table]).astype(np.float32).tofile(file)
    return file


def run_program(
    program: Path,
    tracks: Path,
    count: int,
    threads: int,
    methods: Mapping[str, Sequence[float]],
    end: Mapping[str, Any],
    ends: Mapping[int, Any],
    repeats: int = REPEATS,
) -> list[dict[str, Any]]:
    """Run the program once with all methods, and return a row for each."""
    work = [(method, number) for method, numbers in methods.items() for number in numbers]
    out = tracks.with_name("states.bin")
    words = [str(word) for pair in work for word in pair]
    command = [str(word) for word in (program, tracks, count, threads, repeats, out)]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise WirechamberError(f"Runge-Kutta in C++ {describe_end(done.returncode)}")
    found = np.fromfile(out, np.float32).reshape(len(work), 4, count).astype(float)
    rows = []
    for (method, number), line, states in zip(work, done.stdout.splitlines(), found, strict=True):
        steps, *seconds = map(float, line.split())
        if method == "rk4" and number in ends:
            check_ends(states, ends[int(number)][:count], int(number))
        error = np.hypot(states[0] - end["x"][:count], states[1] - end["y"][:count])
        engine = ENGINES[method].format(threads=f"{threads}_thread{'s' if threads > 1 else ''}")
        row = {"engine": engine, "steps": max(1, round(steps)), "pos_mean_mm": float(error.mean())}
        row |= {"pos_95_mm": float(np.quantile(error, 0.95)), "tracks": count}
        row |= {"tolerance_mm": number} if "cash_karp" in method else {}
        median = float(np.median(seconds))
        rows.append(row | {"median": median, "fastest": min(seconds), "throughput": count / median})
    return rows


def check_ends(states: Any, expected: Any, steps: int) -> None:
    """Raise WirechamberError where tracks end elsewhere."""
    away = float(np.hypot(states[0] - expected[:, 0], states[1] - expected[:, 1]).mean())
    if not away <= ROUNDING:
        raise WirechamberError(f"{SOURCE.name}: after {steps} steps {away:.2g} mm from where XLA's tracks end.")
