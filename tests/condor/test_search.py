"""Workers of one search in a real pool: one is removed on the way, and no trial is lost or done twice."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from app.search.state import SearchState
from jobs.job_state import by_id

pytestmark = pytest.mark.condor

SECONDS = 300
TRIALS = 6


@pytest.fixture
def search(content):
    long = {**content["training"], "epochs": 40}
    space = {"training.optimizer.learning_rate": {"float": [1e-4, 1e-2], "log": True}}
    hyperopt = {"max_trials": TRIALS, "workers": 2, "space": space}
    return {**content, "name": "searched", "training": long, "hyperopt": hyperopt}


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)
    return found


@pytest.mark.parametrize("way", ["removed", "killed"])
def test_two_workers_of_which_one_ends(search, wirechamber, record, pool, tmp_path, way):
    code, output = wirechamber("submit", job=search)
    assert code == 0, output
    assert "searched, 2 processes" in output
    cluster = int(output.split("cluster ")[1].split(":")[0])
    run = tmp_path / "runs/searched"
    state = SearchState(run)

    def owners():
        return {trial.owner for trial in state.trials() if trial.state == "running"} if state.records.exists() else ()

    until(lambda: len(owners()) == 2, lambda: wirechamber("status")[1])
    shown = wirechamber("status")[1]
    assert (f"{cluster}.0" in shown, f"{cluster}.1" in shown) == (True, True)
    if way == "removed":
        pool.remove([(cluster, 0)], "a test")
    else:
        os.kill(_process(f"{cluster}.0"), signal.SIGKILL)
    until(lambda: not pool.queue([cluster]), lambda: str(by_id(pool.queue([cluster]))))
    trials = state.trials()
    assert len(trials) == TRIALS
    assert len({trial.id for trial in trials}) == TRIALS
    # The trial of the killed worker was not recorded as failed: the other worker took it over.
    assert {trial.state for trial in trials} == {"done"}
    assert (run / "metrics.json").exists()
    assert "1 done" in wirechamber("status")[1]
    assert record("searched")["state"] == "done"
    best = min(trial.score for trial in trials)
    assert json.loads((run / "history.json").read_text())["best_val_loss"] == pytest.approx(best, rel=1e-6)


def _process(job):
    """Return the process of a job in the pool: this machine runs it."""
    wanted = f"WIRECHAMBER_JOB_ID={job}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables, line = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if wanted in variables.split(b"\0") and b"app/run.py" in line:
            found.append(int(folder.name))
    return min(found)
