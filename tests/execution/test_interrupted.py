"""SIGTERM at any moment of a run: exit code 85, the state `interrupted`, and the same weights after --resume."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.core.files import REPOSITORY

JOB = "json/track_extrapolation/mlp_tiny.json"


def start(folder, data, *words):
    environment = {
        **os.environ,
        "WIRECHAMBER_RUNS": str(folder / "runs"),
        "WIRECHAMBER_REGISTRY": str(folder / "registry"),
        "WIRECHAMBER_DATA": str(data),
    }
    command = [sys.executable, "app/run.py", "--config", JOB, *words]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until_it_listens(process):
    """Wait for Python's own start, before which no program can handle a signal: the kernel tells which are caught."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if int(re.search(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.005)


def interrupted_after(seconds, folder, data, *words):
    """Return the exit code and the state of the record, None without one; all that a signal must leave is checked."""
    process = start(folder, data, *words)
    time.sleep(seconds)
    wait_until_it_listens(process)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=120)
    record = folder / "registry/runs/mlp_tiny.json"
    content = json.loads(record.read_text()) if record.exists() else {"state": None}
    where = f"SIGTERM after {seconds} s: exit code {process.returncode}, {content['state']}\n{output}\n{errors}"
    assert "Traceback" not in errors, where
    if process.returncode == 0:
        assert content["state"] == "done", where
        return 0, "done"
    assert process.returncode == 85, where
    assert errors.splitlines()[-1] == "interrupted by SIGTERM; continue with --resume", where
    if content["state"] == "interrupted":
        assert content["reason"] == "SIGTERM, resume with --resume", where
    return 85, content["state"]


def test_an_early_signal_ends_with_85_while_modules_are_imported(tmp_path):
    for seconds in (0.0, 2.0):  # before and after the record is made, on most machines
        code, state = interrupted_after(seconds, tmp_path, tmp_path)
        assert code == 85
        assert state in (None, "interrupted")


def finish(process):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, output + errors


def arrays(folder):
    last = max((folder / "runs/mlp_tiny/checkpoints").glob("epoch_*"))
    with np.load(last / "variables.npz") as content:
        return [content[name] for name in sorted(content.files)]


@pytest.mark.slow
def test_a_signal_at_any_moment_can_be_resumed_to_the_same_weights(tmp_path):
    """Each start continues what the one before left; a run that has ended is compared, and the next one begins anew."""
    finish(start(tmp_path / "whole", tmp_path))
    expected, drawn = arrays(tmp_path / "whole"), random.Random(20)
    moments = [0.25 * number for number in range(1, 61)] + [drawn.uniform(0.1, 15.0) for _ in range(20)]
    number = 0
    for moment in moments:
        folder = tmp_path / f"run{number}"
        code, state = interrupted_after(moment, folder, tmp_path, "--resume")
        assert (code, state) in ((0, "done"), (85, None), (85, "interrupted"), (85, "done"))
        if state == "done":
            np.testing.assert_equal(arrays(folder), expected)
            number += 1
    last = tmp_path / f"run{number}"
    finish(start(last, tmp_path, "--resume"))
    np.testing.assert_equal(arrays(last), expected)
