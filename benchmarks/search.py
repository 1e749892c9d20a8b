"""What a search costs on top of its trainings: memory of the worker, seconds before each training, trials/hour.

Tiny trials (600 tracks, 48 to 300 parameters, 2 epochs), so that what is measured is the search and not the training.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from _results import ROOT, parse_options, report

sys.path.insert(0, str(ROOT))

JOB: dict[str, Any] = {
    "application": "track_extrapolation",
    "dataset": {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}},
    "model": {"name": "mlp", "hidden": [8]},
    "tasks": {"state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}},
    "training": {"epochs": 2, "batch_size": 64, "optimizer": {"name": "adam", "learning_rate": 1e-2}, "xla": False},
    "plots": [],
}
SPACE = {
    "model.hidden": {"choice": [[4], [8], [16], [8, 8]]},
    "training.optimizer.learning_rate": {"float": [1e-4, 1e-2], "log": True},
}


def make_job(name: str, trials: int) -> dict[str, Any]:
    """Return the content of a search's job."""
    return {**JOB, "name": name, "hyperopt": {"max_trials": trials, "space": SPACE, "seed": 1}}


def resident_memory() -> float:
    """Return the resident memory of this process [MB]."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def watch_search(trials: int, warm: bool) -> tuple[list[float], list[float], list[float]]:
    """Run a worker in this process; return memory [MB], time [s] and training time [s] at the end of each trial."""
    import registry
    from app.config.job_file import parse
    from app.execution.session import Options
    from app.runs import directory
    from app.runtime.processes import Processes
    from app.search.runner import Worker
    from app.search.state import SearchState
    from app.search.trial import TrialTask

    content = make_job(f"warm_{warm}", trials)
    made, run = parse(content), directory.of(content["name"])
    state = SearchState(run.path)
    state.make()
    for root in (registry.root(), state.registry):
        registry.create(root, registry.Record(run=made.name, application=made.application), replace=True)
    order = TrialTask(made.dump(), run.path, Options(Path("benchmark")), registry.root())
    memory, times = [resident_memory()], [time.perf_counter()]

    class Watched(Worker):
        def judge(self, pid: int, code: int) -> None:
            super().judge(pid, code)
            memory.append(resident_memory())
            times.append(time.perf_counter())

    Watched(made, state, order, Processes(warm), [None]).work()
    done = state.trials()
    if [trial.state for trial in done] != ["done"] * trials:
        raise SystemExit(f"not all trials were done: {[trial.reason for trial in done]}")
    return memory, times, [trial.seconds for trial in done]


def measure_overhead(trials: int, warm: bool) -> dict[str, Any]:
    """Return the seconds of a trial in all, and before and after its training."""
    _, times, training = watch_search(trials, warm)
    each = [after - before for before, after in pairwise(times)][1:]  # the first starts the server
    spent = [one - own for one, own in zip(each, training[1:], strict=True)]
    name = "forked from a warm process" if warm else "process from scratch"
    return {
        "process of a trial": name,
        "trials": len(each),
        "seconds per trial": sorted(each)[len(each) // 2],
        "without training": sorted(spent)[len(spent) // 2],
    }


def measure_together(workers: int, trials: int) -> dict[str, Any]:
    """Return the trials per hour of some workers on one directory, from their start to the published result."""
    name = f"workers_{workers}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "job.json"
        file.write_text(json.dumps(make_job(name, trials)))
        command = [sys.executable, str(ROOT / "app" / "run.py"), "--config", str(file), "--resume"]
        begin = time.perf_counter()
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) for _ in range(workers)]
        codes = [one.wait() for one in running]
        seconds = time.perf_counter() - begin
    if any(codes):
        raise SystemExit(f"a worker ended with {codes}")
    return {"workers": workers, "trials": trials, "seconds": seconds, "trials per hour": 3600 * trials / seconds}


def main() -> None:
    """Measure all three."""
    chosen = parse_options(__doc__)
    folder = tempfile.mkdtemp()
    os.environ |= {"WIRECHAMBER_RUNS": f"{folder}/runs", "WIRECHAMBER_REGISTRY": f"{folder}/registry"}
    os.environ |= {"WIRECHAMBER_DATA": f"{folder}/data", "CUDA_VISIBLE_DEVICES": "-1"}
    few, many = (3, 4) if chosen.quick else (6, 50)
    try:
        rows = [measure_overhead(few, warm=False), measure_overhead(few + 1, warm=True)]
        report("Search: overhead of a trial", rows, chosen)
        shutil.rmtree(f"{folder}/runs")
        memory, _, _ = watch_search(many, warm=True)
        shown = sorted({0, 1, many // 4, many // 2, 3 * many // 4, many})
        rows = [{"trials": count, "resident memory of the worker [MB]": memory[count]} for count in shown]
        report("Search: memory of the worker", rows, chosen)
        rows = [measure_together(workers, few * 2) for workers in (1, 2)]
        report("Search: trials per hour", rows, chosen, ["From the start of the workers to the published result."])
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
