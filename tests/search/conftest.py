"""Jobs with a search, and searches in processes of their own that a test may kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from app.core.files import REPOSITORY
from app.search.state import SearchState


class Command:
    """`wirechamber run` in a process of its own."""

    def __init__(self, tmp_path, content, *words):
        file = tmp_path / "job.json"
        file.write_text(json.dumps(content))
        self.state = SearchState(tmp_path / "runs" / content["name"])
        self.log = tmp_path / f"log{time.monotonic_ns()}.txt"
        command = [sys.executable, "app/run.py", "--config", str(file), *words]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT, text=True)

    def ends(self, seconds=240):
        return self.process.wait(seconds)

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(60)

    def until(self, condition, seconds=120):
        """Wait until the condition on the trials holds."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and self.process.poll() is None:
            trials = self.state.trials() if self.state.records.exists() else []
            if condition(trials):
                return trials
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s, exit code {self.process.poll()}:\n{self.log.read_text()}")

    @property
    def output(self):
        return self.log.read_text()


@pytest.fixture
def command(tmp_path):
    """Return a function that starts a search; what still runs at the end of the test is stopped."""
    started = []

    def start(content, *words):
        started.append(Command(tmp_path, content, *words))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill(signal.SIGTERM)


@pytest.fixture
def kill_trial():
    """Return a function that kills the process of a trial."""

    def kill(trial, number=signal.SIGKILL):
        os.kill(int(trial.owner.rpartition(":")[2]), number)

    return kill
