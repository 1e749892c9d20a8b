"""Whoever sleeps past its lease, as a machine that is suspended, leaves without touching what the next one does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from untraced import process_environment

REPOSITORY = Path(__file__).resolve().parents[2]
ELSEWHERE = """
import sys, socket
socket.gethostname = lambda: "lxplus901"  # to others a process of another machine: only its touches count
from app.cli import main
sys.exit(main(sys.argv[1:]))
"""
HERE = """
import sys
from app.core import lock
lock.STALE = 1.0
from app.cli import main
sys.exit(main(sys.argv[1:]))
"""
EPOCHS = 60


def contents(*folders: Path) -> dict[Path, bytes]:
    """Return all files by path; what the sleeper was about to write when it fell asleep is its own to remove."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if ".part" not in path.name}


def wait_for(happened, process) -> None:
    deadline = time.monotonic() + 120
    while not happened() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path: Path, simulated: Path) -> Iterator:
    """Return a function that starts the program on this machine or on another one."""
    environment = {**process_environment(), "WIRECHAMBER_DATA": str(simulated)}
    environment |= {f"WIRECHAMBER_{name}": str(tmp_path / name.lower()) for name in ("RUNS", "REGISTRY")}
    processes = []

    def begin(code: str, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        processes.append(subprocess.Popen(command, cwd=REPOSITORY, env=environment, **pipes))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("ended", [False, True], ids=["while the other works", "after the other ended"])
def test_a_run_that_slept_leaves_that_of_the_next_one_alone(small_job, tmp_path, start, ended):
    training = {**small_job["training"], "epochs": EPOCHS, "keep_every": 1, "steps_per_epoch": 8}
    file, run = tmp_path / "job.json", tmp_path / "runs" / "small"
    file.write_text(json.dumps({**small_job, "training": training}))
    words = ("run", "--config", str(file), "--resume", "--deterministic")
    sleeper = start(ELSEWHERE, *words)
    wait_for(lambda: len(list((run / "checkpoints").glob("epoch_*"))) > 3, sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    os.utime(run / ".lock", (time.time() - 60,) * 2)  # the next one comes when the last touch is old
    log = run / "log.txt"
    second = start(HERE, *words)
    if ended:
        output = second.communicate(timeout=240)[0]
        assert second.returncode == 0, output
    else:
        wait_for(lambda: log.read_text().count("resumed from") == 1, second)
        second.send_signal(signal.SIGSTOP)
    before = contents(run, tmp_path / "registry")
    sleeper.send_signal(signal.SIGCONT)
    output = sleeper.communicate(timeout=60)[0]
    assert contents(run, tmp_path / "registry") == before
    assert sleeper.returncode == 1
    holder = "who took it over has ended" if ended else f"process {second.pid} on {os.uname().nodename} holds it now"
    line = f"{run / '.lock'}: this process lost the lock while it slept, {holder}; it leaves without writing anything"
    assert line in output
    assert "Traceback" not in output
    if not ended:
        second.send_signal(signal.SIGCONT)
        output = second.communicate(timeout=240)[0]
        assert second.returncode == 0, output
    assert len(json.loads((run / "history.json").read_text())["train"]) == EPOCHS
    assert json.loads((tmp_path / "registry" / "runs" / "small.json").read_text())["state"] == "done"
    assert not [path for folder in (run, tmp_path / "registry") for path in folder.rglob(".*.part*")]


@pytest.mark.slow
def test_a_trial_whose_process_slept_is_the_next_ones_and_has_not_failed(searched, small_job, tmp_path, start):
    training = {**small_job["training"], "epochs": EPOCHS, "keep_every": 1, "steps_per_epoch": 8}
    file, run = tmp_path / "job.json", tmp_path / "runs" / "small"
    file.write_text(json.dumps(searched(max_trials=1, training=training)))
    words = ("run", "--config", str(file), "--resume")
    sleeper = start(ELSEWHERE.replace("import sys, socket", "import os, sys, socket\nos.setsid()"), *words)
    wait_for(lambda: len(list(run.glob("trials/*/checkpoints/epoch_*"))) > 1, sleeper)
    os.killpg(sleeper.pid, signal.SIGSTOP)
    lease = next((run / "search" / "trials").glob("*.lease"))
    content = json.loads(lease.read_text())  # the process of the trial is a child: its machine is put in its lease
    lease.write_text(json.dumps({**content, "host": "lxplus901", "machine": "lxplus901 another boot"}))
    (trial,) = (run / "trials").iterdir()
    own = json.loads((trial / ".lock").read_text())
    (trial / ".lock").write_text(json.dumps({**own, "host": "lxplus901", "machine": "lxplus901 another boot"}))
    for path in (lease, trial / ".lock"):
        os.utime(path, (time.time() - 60,) * 2)
    second = start(HERE, *words)
    output = second.communicate(timeout=240)[0]
    assert second.returncode == 0, output
    before = contents(trial, run / "search" / "trials")
    os.killpg(sleeper.pid, signal.SIGCONT)
    slept = sleeper.communicate(timeout=120)[0]
    assert contents(trial, run / "search" / "trials") == before
    assert "another worker has taken over the trial" in slept
    record = json.loads(next((run / "search" / "trials").glob("*.json")).read_text())
    assert (record["state"], record["reason"], record["attempts"]) == ("done", "", 2)
