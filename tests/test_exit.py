"""A process that is done ends, whatever its threads are doing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_the_process_ends_while_a_generator_is_being_read():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "smooth_l1" in done.stdout
