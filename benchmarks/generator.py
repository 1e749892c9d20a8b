"""How many tracks per second does the generator propagate, compared with NumPy, SciPy and C++?

100 Runge-Kutta steps from z = 2665 to 7826 mm in the Gaussian dipole, the same tracks for all; cases take turns,
medians. `solve_ivp` follows one track at a time with adaptive steps (rtol 1e-8). C++ is `cpp/rk4.cpp`, g++ -O3
-march=native -ffast-math, structure of arrays. The ends of the tracks must agree, else there is no table. XLA is the
program that fields of one's own take, and that all did before (`app/physics/propagation.py`).

What was tried on the loops of the generator (`datasets/simulate/tracks`), of one thread:
- Loops over whole tracks are not turned into vectors: 90 k tracks/s. Over 64 lanes, stage by stage: 1.1 M.
- Rows of a two-dimensional array cost checks at each loop that they do not overlap; as constant places of a flat one,
  1.2 M in place of 0.8 M.
- Field map: two-dimensional gathers 160 k, eight nodes as vectors of four numbers 320 k.

What was tried on the loop of XLA (float64, M tracks/s per second of processor time, busy 2-core machine):
- Blocks: 1024 tracks 0.43, 2048 0.59, 4096 0.69, 6144 0.44, 7936 0.35. In small ones 11 us per step go into starting
  some ten kernels; in large ones XLA splits each kernel over threads of its own and the arrays leave the second-level
  cache. Hence 4096, one block per thread.
- Four steps written out per turn of the loop: half as fast. XLA on a CPU makes one kernel per output array and repeats
  in each all arithmetic that is not a square root or an exponential; the longer the body, the more is repeated.
- The state as one array (4, N): half as fast, every element asks which row it is.
- Optimization barriers between the stages: no difference, they are removed before kernels are formed.
- XLA's own switches (fast math +10 %, copy insertion, scheduler, the older runtime): too little to change the user's
  XLA_FLAGS for.
- Nystrom's form of the positions, the common factor g of both accelerations and absent field components left out of
  the graph help. The field of a By(z) is one number per stage when all tracks share z; XLA keeps it scalar.
- Field map: one look-up of 24 cell coefficients (not 8 x 3), and the cell number computed once through a loop of
  unknown length, not 24 times inside the look-up: 1.7 times as fast. One look-up for each was half as fast.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from app.physics.fields.field_map import FieldMap
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.propagation import Propagator
from app.physics.runge_kutta import rk4
from app.physics.units import LIGHT_SPEED
from benchmarks._results import ROOT, measure_in_turn, parse_options, report, time_call
from datasets.simulate.tracks.propagation import CompiledPropagator

Z, DZ, STEPS = 2665.0, 5161.0, 100
FIELD = GaussianDipole()
COMPILE = ["g++", "-O3", "-march=native", "-ffast-math", "-pthread"]


def draw_tracks(count: int) -> tuple[Any, Any]:
    """Draw states (N, 4) and q/p (N,) as the simulation does."""
    random = np.random.default_rng(1)
    state = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (count, 4))
    return state, random.choice([-1.0, 1.0], count) / np.exp(random.uniform(np.log(2), np.log(100), count))


def propagate_numpy(state: Any, qop: Any, block: int = 4096) -> Any:
    """Propagate with the same formula on NumPy arrays, in blocks that stay in the cache."""
    parts = (slice(first, first + block) for first in range(0, len(qop), block))
    return np.hstack([np.stack(rk4(FIELD, tuple(state[rows].T), qop[rows], Z, DZ, STEPS)) for rows in parts]).T


def propagate_scipy(state: Any, qop: Any) -> Any:
    """Propagate one track after the other with scipy.integrate.solve_ivp."""
    from scipy.integrate import solve_ivp

    def follow(start: Any, k: float) -> Any:
        def derivative(z: float, s: Any) -> tuple[float, float, float, float]:
            tx, ty, u = s[2], s[3], (z - FIELD.center) / FIELD.sigma
            m = -k * FIELD.peak * math.exp(-0.5 * u * u) * math.sqrt(1 + tx * tx + ty * ty)
            return tx, ty, m * (1 + tx * tx), m * tx * ty

        return solve_ivp(derivative, (Z, Z + DZ), start, rtol=1e-8, atol=1e-8).y[:, -1]

    return np.array([follow(start, LIGHT_SPEED * q) for start, q in zip(state, qop, strict=True)])


def propagate_cpp(folder: Path, state: Any, qop: Any, threads: int) -> Callable[[], float]:
    """Compile rk4.cpp, and return a function that runs it and gives the seconds that it measured itself."""
    program, data = folder / "rk4", folder / "tracks.bin"
    if not program.exists():
        subprocess.run([*COMPILE, "-o", program, ROOT / "benchmarks/cpp/rk4.cpp"], check=True)
        np.ascontiguousarray(np.column_stack([state, qop]).T).tofile(data)
    command = [str(word) for word in (program, data, len(qop), STEPS, threads)]

    def measure() -> float:
        seconds, total = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        if abs(total - expected) > 1e-6 * len(qop):
            raise RuntimeError(f"C++ disagrees: sum of x = {total}, expected {expected}")
        return seconds

    expected = float(Propagator(FIELD)(state, qop, Z, DZ, STEPS).state[:, 0].sum())
    return measure


def make_field_map() -> tuple[FieldMap, float, float, str]:
    """Return a map, z range and name: a finite-element map when the external data are there, else a sampled formula."""
    external = Path(os.environ.get("WIRECHAMBER_EXTERNAL_DATA", ROOT.parent / "shared" / "data"))
    file = external / "field_maps" / "mnp33_opera3d.npz"
    if file.exists():
        return FieldMap(file=str(file)), -3900.0, 7800.0, "21 x 21 x 79 finite elements"
    axes = (np.linspace(-4000, 4000, 41), np.linspace(-3000, 3000, 41), np.linspace(2000, 8000, 61))
    values = np.stack(TwoDipoles()(*np.meshgrid(*axes, indexing="ij")), axis=-1)
    return FieldMap.of_grid(axes, values), Z, DZ, "41 x 41 x 61 two dipoles"


def main() -> None:
    """Measure, check that all agree, print and record."""
    chosen = parse_options(__doc__)
    many, few, one_by_one = (65536, 16384, 10) if chosen.quick else (400_000, 40_000, 60)
    state, qop = draw_tracks(many)
    cores = len(os.sched_getaffinity(0))
    double, alone, by_xla = CompiledPropagator(FIELD), CompiledPropagator(FIELD, threads=1), Propagator(FIELD)
    reference = propagate_numpy(state[:few], qop[:few])
    for propagate in (double, by_xla):
        if np.abs(propagate(state[:few], qop[:few], Z, DZ, STEPS).state - reference).max() > 1e-9:
            raise RuntimeError("the compiled program disagrees with NumPy")
    if np.abs(propagate_scipy(state[:5], qop[:5]) - reference[:5])[:, :2].max() > 1e-3:
        raise RuntimeError("solve_ivp disagrees")
    mapped, z, dz, name = make_field_map()
    in_map, in_map_by_xla = CompiledPropagator(mapped), Propagator(mapped)
    track = state[:few], qop[:few], z, dz, STEPS
    with tempfile.TemporaryDirectory() as folder:
        cases: dict[str, tuple[int, Callable[[], float]]] = {
            f"generator, float64, {cores} threads": (many, time_call(lambda: double(state, qop, Z, DZ, STEPS))),
            "generator, float64, 1 thread": (many, time_call(lambda: alone(state, qop, Z, DZ, STEPS))),
            f"XLA, float64, {cores} threads": (many, time_call(lambda: by_xla(state, qop, Z, DZ, STEPS))),
            "NumPy, float64": (few, time_call(lambda: propagate_numpy(state[:few], qop[:few]))),
            "solve_ivp, one track at a time": (
                one_by_one,
                time_call(lambda: propagate_scipy(state[:one_by_one], qop[:one_by_one])),
            ),
            "C++, float64, 1 thread": (many, propagate_cpp(Path(folder), state, qop, 1)),
            f"C++, float64, {cores} threads": (many, propagate_cpp(Path(folder), state, qop, cores)),
            f"generator, 3-D map ({name}), float64": (few, time_call(lambda: in_map(*track))),
            "XLA, the same map, float64": (few, time_call(lambda: in_map_by_xla(*track))),
        }
        seconds = measure_in_turn({case: measure for case, (_, measure) in cases.items()}, 3 if chosen.quick else 9)
    rates = {case: count / seconds[case] for case, (count, _) in cases.items()}
    own = next(iter(rates.values()))
    rows = [{"case": case, "tracks/s": rate, "generator / case": own / rate} for case, rate in rates.items()]
    report("Generator: tracks/s at 100 Runge-Kutta steps, Gaussian dipole", rows, chosen)


if __name__ == "__main__":
    main()
