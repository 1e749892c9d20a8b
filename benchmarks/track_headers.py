"""How accurate and how fast is a small network through a real field map, beside Runge-Kutta on one core?

Networks are trained on the finite-element map of `mnp33_map.json` unless their runs exist already. Each is measured as
a C++ header, in ONNX Runtime and in Keras with XLA, track by track and in batches, beside RK4 and Cash-Karp in C++: all
on one core, in turns, and of each the fastest turn counts, because neighbours on a shared machine only slow it down.
Needs WIRECHAMBER_EXTERNAL_DATA with the map; runs go to WIRECHAMBER_RUNS.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
from _results import parse_options, report, time_call

from app.benchmark import cpp_runge_kutta as reference
from app.benchmark.engines import CPU, keras_engine, onnx_engine
from app.config import Job
from app.core.files import REPOSITORY
from app.core.system import roots
from app.data.loading import Data, first_events, load_data
from app.evaluation import load
from app.evaluation.predict import Predictor
from app.export.cpp_check import compile_program, find_compiler
from app.export.cpp_header import make_header, map_bytes
from app.export.cpp_tracks import field_type
from app.export.graph import to_onnx
from app.runs.files import read_job
from app.runtime import device

JOB = REPOSITORY / "json" / "track_extrapolation" / "mnp33_map.json"
COMMON = {
    "dataset.simulate.accuracy": 0.001,
    "tasks.state.loss": {"name": "smooth_l1", "beta": 2e-3},
    "training.steps_per_epoch": 400,
    "training.optimizer.learning_rate": 5e-3,
}
LINE = {
    "model.inputs.features": ["x", "y", "tx", "ty", "qop"],
    "tasks.state.transform": {"name": "kick", "baseline": "straight_line", "slopes": "momentum"},
}
NETWORKS = {
    "mnp33_lens_32": {"model.hidden": [32, 32], "training.epochs": 100},
    "mnp33_lens_16": {"model.hidden": [16, 16], "training.epochs": 300},
    "mnp33_line_16": {"model.hidden": [16, 16], "training.epochs": 300, **LINE},
}
BATCH, TURNS = 4096, 6
MAIN = """
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include "@NAME@.hpp"
using namespace @NAME@;
template <class F> double fastest(F work) {
  double best = 1e9;
  for (int r = 0; r < 200; ++r) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}
int main(int, char** words) {
  const std::size_t n = std::strtoull(words[2], nullptr, 10);
  std::vector<float> in(n * kColumns), out(n * kTargets), rows(n * kColumns), ends(n * kTargets);
  std::ifstream(words[1], std::ios::binary).read(reinterpret_cast<char*>(in.data()), 4 * in.size());
  for (std::size_t i = 0; i < n; ++i) for (int c = 0; c < kColumns; ++c) rows[i * kColumns + c] = in[c * n + i];
  @NETWORK@
  std::vector<const float*> columns;
  std::vector<float*> targets;
  for (int c = 0; c < kColumns; ++c) columns.push_back(&in[c * n]);
  for (int t = 0; t < kTargets; ++t) targets.push_back(&out[t * n]);
  const double many = fastest([&] { network.predict(n, columns.data(), targets.data()); });
  const double one = fastest([&] {
    for (std::size_t i = 0; i < n; ++i) network.predict(&rows[i * kColumns], &ends[i * kTargets]);
  });
  const double j = fastest([&] {
    for (std::size_t i = 0; i < n; ++i) ends[i] += network.jacobian(&rows[i * kColumns], &ends[i * kTargets])[0][0];
  });
  std::printf("%.9g %.9g %.9g\\n", many, one, j);
}
"""


def train(name: str, changes: Mapping[str, Any]) -> Path:
    """Return the directory of a run, trained if it is not there."""
    path = roots().runs / name
    if not (path / "model.keras").exists():
        values = [f"{key}={json.dumps(value)}" for key, value in {"name": name, **COMMON, **changes}.items()]
        options = [word for value in values for word in ("--set", value)]
        subprocess.run([sys.executable, "-m", "app", "-q", "run", str(JOB), *options], check=True, cwd=REPOSITORY)
    return path


def header_program(folder: Path, job: Job, data: Data, model: Any) -> tuple[Path, dict[str, float]]:
    """Compile the program that measures a header; return it, how large the header is and how long it compiles."""
    header = make_header(model, job.name, data.columns, {name: task.targets for name, task in job.tasks.items()})
    (folder / f"{header.name}.hpp").write_text(header.text)
    call, table = "Network network;", b""
    if header.field_map:
        table = map_bytes(header.field_map)
        (folder / f"{header.name}.bin").write_bytes(table)
        call = f'Network network("{folder / header.name}.bin");'
    source = MAIN.replace("@NAME@", header.name).replace("@NETWORK@", call)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    compile_program(str(find_compiler()), source, folder / job.name, [f"-I{folder}"])
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return folder / job.name, {
        "header [kB]": len(header.text) / 1e3,
        "map [kB]": len(table) / 1e3,
        "compile [s]": seconds,
    }


def turns_of_python(model: Any, content: bytes, inputs: Any) -> dict[str, tuple[Callable[[], Any], int]]:
    """Return a call and its number of tracks by the name of its column: one track, and a batch, in each engine."""
    found: dict[str, tuple[Callable[[], Any], int]] = {}
    for engine, call in (("ONNX", onnx_engine(content, 1)), ("Keras XLA", keras_engine(model, CPU, True))):
        for rows in (1, BATCH):
            found[f"{engine}, {rows}"] = (partial(call, {"state": np.ascontiguousarray(inputs[:rows])}), rows)
    return found


def measure_networks(folder: Path) -> Iterator[tuple[str, Data, dict[str, float], Callable[[], dict[str, float]]]]:
    """Yield for each network its name, data, facts, and a function that gives tracks/s by column of one turn."""
    for name, changes in NETWORKS.items():
        path = train(name, changes)
        job, model = read_job(path / "job.json"), load(str(path)).model
        data = load_data(job)
        events = first_events(data.splits.test, BATCH)
        inputs = np.resize(np.asarray(events.inputs["state"], np.float32), (BATCH, 6))
        program, size = header_program(folder, job, data, model)
        inputs.T.copy().tofile(folder / f"{name}.tracks")
        predicted = np.asarray(Predictor(model).predict_portion({"state": events.inputs["state"]})["state"])
        error = np.hypot(*(predicted[:, i] - events.columns[n] for i, n in enumerate("xy")))
        calls = turns_of_python(model, to_onnx(model, name).SerializeToString(), inputs)
        for call, _ in calls.values():
            call()
        facts = {"mean error [mm]": float(error.mean()), "parameters": model.count_params(), **size}
        yield name, data, facts, partial(one_turn, [program, folder / f"{name}.tracks", str(BATCH)], calls)


def one_turn(command: list[Any], calls: Mapping[str, tuple[Callable[[], Any], int]]) -> dict[str, float]:
    """Return tracks/s of the header and of the engines in Python, each once."""
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    many, one, jacobian = (BATCH / float(word) for word in words)
    found = {"header, batch": many, "header, 1": one, "Jacobian, 1": jacobian}
    for name, (call, rows) in calls.items():
        found[name] = max(rows / time_call(call)() for _ in range(20))
    return found


def runge_kutta_turn(
    program: Path, tracks: Path, end: Mapping[str, Any]
) -> dict[tuple[str, float], tuple[float, float]]:
    """Return (mean error [mm], tracks/s) by method and number of steps or tolerance of one turn."""
    methods = {name: numbers[:14] for name, numbers in reference.METHODS.items()}
    rows = reference.run_program(program, tracks, BATCH, 1, methods, end, {}, repeats=30)
    return {
        (row["engine"], row.get("tolerance_mm", row["steps"])): (row["pos_mean_mm"], BATCH / row["fastest"])
        for row in rows
    }


def best_of(known: dict[Any, float], found: Mapping[Any, float]) -> None:
    """Keep the larger figure of each name."""
    for name, value in found.items():
        known[name] = max(known.get(name, 0.0), value)


def fastest_at(rows: Mapping[tuple[str, float], tuple[float, float]], engines: tuple[str, ...], error: float) -> Any:
    """Return (tracks/s, engine, steps or tolerance) of the fastest that is at least so accurate.

    Fewer steps are never slower: where they seem so, a neighbour was at work, and the rate of more steps counts.
    """
    good = []
    for (engine, steps), (mean, rate) in rows.items():
        if engine in engines and mean <= error:
            more = [r for (e, n), (_, r) in rows.items() if e == engine and "cash" not in e and n > steps]
            good.append((max([rate, *more]), engine, steps))
    return max(good)


def main() -> None:
    """Measure all in turns, and write one table of the networks and one of Runge-Kutta."""
    chosen = parse_options(__doc__)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    device.prepare(0)
    batch_engines = ("rk4_cpp_1_thread", "cash_karp_cpp_1_thread")
    single_engines = ("rk4_cpp_track_by_track", "cash_karp_cpp_track_by_track")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        networks = list(measure_networks(folder))
        data = networks[0][1]
        magnet = data.source.magnet
        events = first_events(data.splits.test, BATCH)
        columns = {n: np.resize(events.inputs["state"][:, i], BATCH) for i, n in enumerate(data.columns["state"])}
        end = {n: np.resize(events.columns[n], BATCH) for n in "xy"}
        program = reference.build_program(str(find_compiler()), folder, magnet.field, *field_type(magnet))
        tracks = reference.write_tracks(folder / "reference.tracks", magnet, columns, BATCH)
        rates: dict[str, dict[str, float]] = {name: {} for name, *_ in networks}
        known: dict[tuple[str, float], tuple[float, float]] = {}
        for _ in range(2 if chosen.quick else TURNS):
            for name, _data, _facts, turn in networks:
                best_of(rates[name], turn())
            for key, (mean, rate) in runge_kutta_turn(program, tracks, end).items():
                known[key] = mean, max(rate, known.get(key, (0.0, 0.0))[1])
    rows = []
    for name, _data, facts, _turn in networks:
        many = fastest_at(known, batch_engines, facts["mean error [mm]"])
        one = fastest_at(known, single_engines, facts["mean error [mm]"])
        row = {"network": name, **facts, **rates[name], "Runge-Kutta, batch": many[0], "Runge-Kutta, 1": one[0]}
        row["at"] = f"{many[1].partition('_cpp')[0]} {many[2]:g}"
        row |= {"gain, batch": rates[name]["header, batch"] / many[0], "gain, 1": rates[name]["header, 1"] / one[0]}
        rows.append(row)
    table = [
        {"Runge-Kutta": engine, "steps or tolerance [mm]": number, "mean error [mm]": mean, "tracks/s": rate}
        for (engine, number), (mean, rate) in known.items()
    ]
    report("Tracks through the MNP33 map: Runge-Kutta in C++", table, chosen)
    notes = (
        f"Tracks/s on one core, batches of {BATCH}; of each the fastest of {TURNS} turns. `Runge-Kutta` is the fastest "
        "method in C++ that is at least as accurate as the network, `at` so many steps (cash_karp: tolerance in mm); "
        "`gain` is header over it. The header compiles with -O3 in so many seconds of processor time.",
    )
    report("Tracks through the MNP33 map: small networks", rows, chosen, notes)


if __name__ == "__main__":
    main()
