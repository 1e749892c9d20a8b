"""How much memory does training three_plane_attention take for each event of a batch, and which batch fits?

Peak resident memory of a few training steps, of a process of its own for each size of batch, less that before the
first step. It grows in proportion to the batch; the slope gives the largest batch for a machine of 8 and of 24 GB.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from _results import ROOT, parse_options, report

CHILD = "--child"
BATCHES = (32, 64, 128)
SUMMED = (1, 2, 4)
MACHINES = (8e9, 24e9)
STEPS = 2


def child(batch: str, sum_ticks: str) -> dict[str, float]:
    """Train some steps in this process; return resident memory [bytes] before the first and at its highest."""
    from app.runtime import device

    device.prepare(1)
    import keras

    from app.models import MODELS

    inputs = {f"plane_{plane}": keras.Input((128 // int(sum_ticks), 16, 1), name=f"plane_{plane}") for plane in "uvx"}
    features = MODELS.parse({"name": "three_plane_attention"}).build(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3)(features))
    network.compile(keras.optimizers.AdamW(1e-3), "mse")
    random = np.random.default_rng(1)
    images = {n: random.normal(size=(int(batch), *i.shape[1:])).astype(np.float32) for n, i in inputs.items()}
    before = _peak()
    for _ in range(STEPS):
        network.train_on_batch(images, np.zeros((int(batch), 3), np.float32))
    return {"before": before, "peak": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1e3


def measure_memory(batch: int, sum_ticks: int) -> dict[str, float]:
    """Return what a process of its own has measured."""
    words = [sys.executable, __file__, CHILD, str(batch), str(sum_ticks)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def row(sum_ticks: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Return peak memory by batch, its slope, and the largest batches."""
    peaks = {size: measure_memory(size, sum_ticks)["peak"] for size in sizes}
    slope, intercept = np.polyfit(list(peaks), list(peaks.values()), 1)
    return {
        "ticks of an image": 128 // sum_ticks,
        **{f"batch {size}: peak [GB]": peak / 1e9 for size, peak in peaks.items()},
        "MB per event": float(slope) / 1e6,
        "at batch 0 [GB]": float(intercept) / 1e9,
        **{f"largest for {machine / 1e9:.0f} GB": int((machine - intercept) // slope) for machine in MACHINES},
    }


def main() -> None:
    """Measure all sizes."""
    if sys.argv[1:2] == [CHILD]:
        print(json.dumps(child(*sys.argv[2:4])), flush=True)
        os._exit(0)
    chosen = parse_options(__doc__)
    rows = [row(4, (16, 32))] if chosen.quick else [row(summed, BATCHES) for summed in SUMMED]
    note = "Default size of the model, three images of 16 channels. On a machine that does nothing else; no GPU here."
    report("Memory of three_plane_attention in training", rows, chosen, [note])


if __name__ == "__main__":
    main()
