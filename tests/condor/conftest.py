"""A real pool: these tests run as its user on a submit node, `make test-condor` makes one on this machine."""

from __future__ import annotations

import json
import os
import time

import pytest

from app.cli import main
from jobs.connection import connect
from jobs.pool import Unreachable

HINT = "`make test-condor` (as root) brings up a pool on this machine and runs these tests in it"
SECONDS = 400
"""Of patience: a job that matches nothing idles without an event."""


@pytest.fixture(scope="session")
def pool():
    """Return the pool, or skip the test."""
    if os.getuid() == 0:
        pytest.skip(f"HTCondor takes no jobs from root; {HINT}")
    try:
        return connect()
    except Unreachable as error:
        pytest.skip(f"{error} {HINT}")


@pytest.fixture
def content(small_job, pool):
    """Return a job of a few seconds that asks for little."""
    return {
        **small_job,
        "resources": {"request_memory": "1500MB", "flavour": "espresso", "max_retries": 0, "grace_seconds": 20},
    }


@pytest.fixture
def wirechamber(tmp_path, capsys):
    """Return a function that runs a command on a content and gives (exit code, output)."""

    def run(command, *arguments, job=None):
        if job is not None:
            path = tmp_path / f"{job['name'].replace('{seed}', 'all')}.json"
            path.write_text(json.dumps(job))
            arguments = (str(path), "--no-estimate", *arguments)
        code = main([command, *arguments])
        caught = capsys.readouterr()
        return code, caught.out + caught.err

    return run


@pytest.fixture
def record(tmp_path):
    """Return a function that reads the registry's record of a run."""
    return lambda run: json.loads((tmp_path / "registry" / "runs" / f"{run}.json").read_text())


@pytest.fixture
def until(record, wirechamber):
    """Return a function that looks at the pool until the registry says something of a run."""

    def wait(run, said, looking=True):
        deadline = time.monotonic() + SECONDS
        while not said(found := record(run)):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {SECONDS} s: {found}\n{wirechamber('status')[1]}")
            time.sleep(1)
            if looking:
                wirechamber("status")
        return found

    return wait
