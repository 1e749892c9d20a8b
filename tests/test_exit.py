"""A process that is done ends, whatever its threads are doing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

PROGRAM = """
import sys, time
import numpy as np
from app import cli
from app.runtime import device
device.prepare(1)
from datasets.pipeline.events import Events
from datasets.pipeline.batches import shuffled_batches
from datasets.pipeline.split import Part

def slowly():
    sum(range(300_000))
    return Events({"state": np.zeros((8, 2), np.float32)}, {}, np.arange(8, dtype=np.uint64))

part = Part([slowly], [8])
iterator = iter(shuffled_batches(part, lambda events: (dict(events.inputs),), 4, 1))
next(iterator)  # a thread of tf.data is inside `slowly` from now on
sys.argv = ["wirechamber", "list", "losses"]
cli.command()
"""


@pytest.mark.slow
def test_the_process_ends_while_a_generator_is_being_read():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "smooth_l1" in done.stdout


@pytest.mark.parametrize(
    ("crash", "code", "line"),
    [
        ("os.abort()", -signal.SIGABRT, "Fatal Python error: Aborted"),
        ("ctypes.string_at(0)", -signal.SIGSEGV, "Fatal Python error: Segmentation fault"),
    ],
)
def test_a_crash_in_c_says_where_it_happened(crash, code, line):
    program = (
        "import ctypes, os, sys\nfrom app import cli\nfrom app.commands import list\n"
        f"list.execute = lambda options: {crash}\nsys.argv = ['wirechamber', 'list']\ncli.command()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.startswith(line)
    assert "cli.py" in done.stderr
