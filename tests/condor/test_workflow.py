"""A workflow in a real pool: a node dies, the rescue does what is left, and the results are the local ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.event_log import SUBMIT, parse_events

pytestmark = pytest.mark.condor

ROOT = Path(__file__).resolve().parents[2]
SIMULATE = {"name": "track_states", "tracks": 600, "momentum": [5, 100], "accuracy": 1.0}
NODES = ("generate-0", "generate-1", "merge", "train-w_s1", "train-w_s2", "summary")
SECONDS = 400


@pytest.fixture
def write(tmp_path, content):
    """Return a function that writes the workflow with a change of each job."""

    def flow(name, seeds, change):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "small.json").write_text(json.dumps(content))
        sweep = {"job": "small.json", "sweep": {"seed": seeds, **change}, "name": "s{seed}"}
        (folder / "sweep.json").write_text(json.dumps(sweep))
        steps = {
            "generate": {"simulate": SIMULATE, "shards": 2, "resources": {"request_memory": "1500MB"}},
            "merge": {"merge": "generate"},
            "train": {"jobs": "sweep.json", "reads": "merge", "name": "w_{name}"},
            "summary": {"command": ["registry"], "after": "train"},
        }
        path = folder / "flow.json"
        path.write_text(json.dumps({"workflow": "tiny", "rationale": "A test.", "steps": steps}))
        return path

    return flow


def ended(pool, dag):
    """Wait until DAGMan has left the queue."""
    deadline = time.monotonic() + SECONDS
    while pool.queue([json.loads((dag / "dag.json").read_text())["cluster"]]):
        assert time.monotonic() < deadline, (dag / "tiny.dag.dagman.out").read_text()[-3000:]
        time.sleep(0.5)


def submissions(dag):
    """Return how often each node was submitted."""
    logs = {node: dag / "nodes" / node / "events.log" for node in NODES}
    return {n: sum(e.kind == SUBMIT for e in parse_events(p.read_text())) if p.exists() else 0 for n, p in logs.items()}


def test_a_dag_is_rescued_and_gives_what_a_local_run_gives(write, wirechamber, record, pool, tmp_path):
    marker = tmp_path / "died"
    dies = {"setup": [f'test "$1" != train-w_s2 -o -e {marker} || {{ touch {marker}; kill -9 $$; }}']}
    path = write("pool", [1, 2], {"resources": [{**_asked(), **dies, "python": sys.executable}]})
    code, output = wirechamber("submit", str(path), "--no-estimate")
    assert code == 0, output
    assert "6 nodes of tiny" in output
    assert record("w_s1")["state"] in ("queued", "idle", "running")
    code, output = wirechamber("submit", str(path), "--no-estimate", "--resume")
    assert (code, "a pool works on this workflow" in output) == (2, True)
    dag = tmp_path / "runs/.workflows/tiny"
    ended(pool, dag)
    assert list(dag.glob("tiny.dag.rescue*"))
    code, output = wirechamber("status")
    assert "tiny: 4 done, 1 failed, 1 not begun" in output
    assert f"wirechamber submit {path} --resume" in output
    assert (record("w_s1")["state"], record("w_s2")["state"]) == ("done", "failed")
    assert record("w_s2")["reason"] == "killed by signal 9"
    assert wirechamber("submit", str(path), "--no-estimate")[0] == 2

    code, output = wirechamber("submit", str(path), "--no-estimate", "--resume")
    assert code == 0, output
    assert "those that are not done yet" in output
    ended(pool, dag)
    assert submissions(dag) == {**dict.fromkeys(NODES, 1), "train-w_s2": 2}
    assert "tiny: 6 done" in wirechamber("status")[1]
    assert record("w_s2")["state"] == "done"
    assert record("w_s2")["config"] == str(path)
    assert "every node is done already" in wirechamber("submit", str(path), "--no-estimate", "--resume")[1]
    _equal_to_a_local_run(path, tmp_path)


def _asked():
    return {"request_memory": "1500MB", "flavour": "espresso", "max_retries": 0, "grace_seconds": 20}


def _equal_to_a_local_run(path, tmp_path):
    """In other folders, so that nothing is taken over."""
    other = tmp_path / "other"
    roots = {"--runs": other / "runs", "--registry": other / "registry"}
    words = [str(word) for pair in roots.items() for word in pair]
    command = [sys.executable, "-m", "app", "run", "--config", str(path), "--workers", "2", *words]
    environment = {**os.environ, "WIRECHAMBER_DATA": str(other / "data")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for run in ("w_s1", "w_s2"):
        one, two = (json.loads((root / "runs" / run / "metrics.json").read_text()) for root in (tmp_path, other))
        for name, value in one["state"]["model"].items():
            if isinstance(value, float):
                assert two["state"]["model"][name] == value, name


def test_a_dag_that_is_removed_goes_on(write, wirechamber, pool, tmp_path):
    path = write("removed", [3], {})
    assert wirechamber("submit", str(path), "--no-estimate")[0] == 0
    dag = tmp_path / "runs/.workflows/tiny"
    deadline = time.monotonic() + SECONDS
    while submissions(dag)["train-w_s2"] + _trained(dag) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    pool.remove([(json.loads((dag / "dag.json").read_text())["cluster"], 0)], "a test")
    ended(pool, dag)
    before = submissions(dag)
    code, output = wirechamber("submit", str(path), "--no-estimate", "--resume")
    assert code == 0, output
    ended(pool, dag)
    after = submissions(dag)
    assert (after["generate-0"], after["merge"]) == (before["generate-0"], before["merge"]) == (1, 1)
    assert "tiny: 5 done" in wirechamber("status")[1]


def _trained(dag):
    return (dag / "nodes" / "train-w_s3" / "events.log").exists()
