"""A run leaves by itself, with a checkpoint, before its time is over; and goes on from there."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest

from app.core.errors import UserError, WirechamberError
from app.core.files import REPOSITORY
from app.runtime.processes import SHARE, TIME_LIMIT, Processes, TimeLimit


def test_without_a_limit_there_is_all_the_time(monkeypatch):
    monkeypatch.delenv(TIME_LIMIT, raising=False)
    limit = TimeLimit.of_process()
    assert limit.seconds == math.inf
    assert not limit.ends_in(1e9)


def test_four_fifths_of_the_limit_may_be_used():
    limit = TimeLimit(100.0, time.monotonic())
    assert not limit.ends_in(100 * SHARE - 5)
    assert limit.ends_in(100 * SHARE + 0.1)
    assert TimeLimit(100.0, time.monotonic() - 81).ends_in(0.0)


@pytest.mark.parametrize("text", ["soon", "0", "-3", "nan"])
def test_a_bad_limit_is_the_users_mistake(monkeypatch, text):
    monkeypatch.setenv(TIME_LIMIT, text)
    with pytest.raises(UserError, match=f"{TIME_LIMIT}: not a time limit"):
        TimeLimit.of_process()


def test_a_child_that_is_killed_is_named_with_the_signal():
    with pytest.raises(WirechamberError) as caught:
        Processes(warm=False).run(signal.raise_signal, signal.SIGKILL)
    assert str(caught.value) == (
        "the process that publishes the result was killed by SIGKILL (exit code 137), as the system does when memory "
        "runs out"
    )


@pytest.mark.slow
def test_a_run_leaves_with_85_after_an_epoch_and_goes_on(small_job, tmp_path):
    """A limit that is over before the first epoch ends: each start does one epoch, and the last one finishes."""
    path = tmp_path / "small.json"
    path.write_text(json.dumps({**small_job, "training": {**small_job["training"], "epochs": 2}}))
    command = [sys.executable, "app/run.py", "--config", str(path), "--resume"]
    environment = {**os.environ, TIME_LIMIT: "0.5"}
    ends = []
    for _ in range(2):
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        record = json.loads((tmp_path / "registry/runs/small.json").read_text())
        ends.append((done.returncode, record["state"], record["epoch"]))
    assert ends == [(85, "interrupted", 1), (0, "done", 2)]
    assert "the time limit of 0.5 s" in (tmp_path / "runs/small/log.txt").read_text()
