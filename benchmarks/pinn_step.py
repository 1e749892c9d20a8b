"""Time of a training step of physics-informed networks compared with the plain one and with DeepXDE.

All have the hidden layers of the medium size and 1,024 tracks a step; the physics-informed ones hold them to the
Lorentz equation at 10 points each. Ours are measured as the program trains (XLA, several steps in one execution,
batches from the data pipeline), with the data term. DeepXDE has the same form, residual and points, the same batch in
every step and no data term; reverse mode is its default. It is taken from $WIRECHAMBER_DEEPXDE, folders of
`pip install --target` with a colon between them, or from the environment; where there is none its rows are left out.
Each case is a process of its own, and they take turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _results import ROOT, measure_in_turn, parse_options, report
from _worker import Worker, serve

TRACKS, POINTS = 1024, 10
CHILD, PROBLEM = "--child", "--problem"
FOLDERS = [folder for folder in os.environ.get("WIRECHAMBER_DEEPXDE", "").split(os.pathsep) if folder]
STEPS = {
    "mlp": 64,
    "spectral": 64,
    "forward": 16,
    "gradient_tape": 8,
    "deepxde": 4,
    "deepxde_forward": 4,
    "deepxde_torch": 2,
}
DEEPXDE = {"deepxde": ("tensorflow", "reverse"), "deepxde_forward": ("tensorflow", "forward")}
DEEPXDE |= {"deepxde_torch": ("torch", "reverse")}
NAMES = {
    "mlp": "mlp",
    "spectral": 'pinn, "spectral"',
    "forward": 'pinn, "forward"',
    "gradient_tape": 'pinn, "gradient_tape"',
    "deepxde": "DeepXDE, TensorFlow",
    "deepxde_forward": "DeepXDE, TensorFlow, forward mode",
    "deepxde_torch": "DeepXDE, PyTorch",
}


def prepare(case: str, steps: int) -> tuple[Any, Any, Any]:
    """Return job, data and compiled objective of one of our cases."""
    from training import compiled

    from app.config.job_file import parse
    from app.runtime import device

    device.prepare(1)
    pinn = {"name": "pinn", "derivative": case}
    content = {
        "name": "pinn_step",
        "application": "track_extrapolation",
        "dataset": {"name": "track_states", "simulate": {"tracks": 15000, "momentum": [2, 100]}},
        "model": {**({"name": "mlp"} if case == "mlp" else pinn), "preset": "medium", "activation": "tanh"},
        "tasks": {"state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick"}},
        "constraints": [] if case == "mlp" else ["lorentz_residual"],
        "collocation": {"points": POINTS},
        "training": {"batch_size": TRACKS, "steps_per_epoch": steps},
    }
    job = parse(content)
    return compiled(job)


def child(case: str, steps: int) -> None:
    """Serve one of our cases: so many steps at a time of what `fit` runs, without its start."""
    from datasets.pipeline.batches import shuffled_batches

    job, data, built = prepare(case, steps)
    objective = built.objective
    batch = iter(shuffled_batches(data.splits.train, built.prepare, TRACKS, job.seed))
    objective.make_train_function()

    def work() -> float:
        begin = time.perf_counter()
        for _ in range(steps // objective.steps_per_execution):
            logs = objective.train_function(batch)
        float(logs["loss"])
        return time.perf_counter() - begin

    serve(work)


def write_problem(path: str) -> None:
    """Write what DeepXDE needs to know: tracks, figures of the standardisation, sizes."""
    import numpy as np

    from app.models.mlp import PRESETS

    _, data, built = prepare("forward", 1)
    seen, kick = built.normalization["inputs"]["state"], built.normalization["tasks"]["state"][-1]
    figures = {"input_mean": seen["mean"], "input_std": seen["std"], "mean": kick["mean"], "std": kick["std"]}
    state = next(iter(data.splits.train)).inputs["state"][:TRACKS]
    np.savez(path, state=state, points=POINTS, hidden=PRESETS["medium"], **figures)


def is_installed(package: str) -> bool:
    """Whether a package lies in the folders of DeepXDE or in the environment."""
    return any(Path(folder, package).exists() for folder in FOLDERS) or importlib.util.find_spec(package) is not None


def start_workers(chosen: argparse.Namespace, folder: str) -> dict[str, Callable[[], float]]:
    """Start a process for every case that can run here."""
    cases = [case for case in STEPS if not case.startswith("deepxde")]
    made: dict[str, Callable[[], float]] = {c: Worker(__file__, CHILD, c, str(count_steps(c, chosen))) for c in cases}
    known = {case: how for case, how in DEEPXDE.items() if is_installed("deepxde") and is_installed(how[0])}
    if known:
        subprocess.run([sys.executable, __file__, PROBLEM, f"{folder}/problem.npz"], cwd=ROOT, check=True)
    for case, (library, mode) in known.items():
        variables = {
            "DDE_BACKEND": {"torch": "pytorch"}.get(library, library),
            "PYTHONPATH": os.pathsep.join([*FOLDERS, *filter(None, [os.environ.get("PYTHONPATH")])]),
            "HOME": folder,  # DeepXDE writes there
        }
        script = str(ROOT / "benchmarks" / "_deepxde_step.py")
        made[case] = Worker(
            script, f"{folder}/problem.npz", str(count_steps(case, chosen)), mode, environment=variables
        )
    return made


def count_steps(case: str, chosen: argparse.Namespace) -> int:
    """Return how many steps are taken in one turn."""
    return max(1, STEPS[case] // 4) if chosen.quick else STEPS[case]


def measure() -> None:
    """Measure all cases in turns."""
    chosen = parse_options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        cases = start_workers(chosen, folder)
        seconds = measure_in_turn(cases, 3 if chosen.quick else 9)
        for worker in cases.values():
            worker.process.kill()
    ms = {case: 1000.0 * value / count_steps(case, chosen) for case, value in seconds.items()}
    slowest = ms.get("deepxde")
    rows = [
        {
            "network": NAMES[case],
            "ms a step": value,
            "of the mlp": value / ms["mlp"],
            "DeepXDE (TensorFlow) takes longer by": slowest / value if slowest else "",
        }
        for case, value in ms.items()
    ]
    notes = [f"{NAMES[case]}: not installed here, the row is left out." for case in STEPS if case not in ms]
    report("Physics-informed training step", rows, chosen, notes, {f"{case}_ms": value for case, value in ms.items()})


def main() -> None:
    """Measure, or do a part of it in a process of its own."""
    if sys.argv[1:2] == [CHILD]:
        child(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == [PROBLEM]:
        write_problem(sys.argv[2])
    else:
        measure()


if __name__ == "__main__":
    main()
