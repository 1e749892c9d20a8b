"""Memory and speed of training from 5 GB of shards, streamed and held in memory; each in a process of its own.

The shards are one simulated shard written again and again under other keys: what is measured is reading, not physics.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from _results import ROOT, parse_options, report

STEPS, BATCH, PRESET = 160, 2048, "medium"
CHILD = "--child"


def write_shards(folder: Path, total_bytes: float) -> int:
    """Fill the folder with shards of 500,000 tracks; return their bytes."""
    from datasets import SIMULATORS

    SIMULATORS.parse({"name": "track_states", "tracks": 500_000}).build(folder / "first")
    first = folder / "first" / "shard_00000.npz"
    with np.load(first) as content:
        arrays = dict(content)
    random = np.random.default_rng(1)
    written = 0
    while written < total_bytes:
        path = folder / f"shard_{written // first.stat().st_size:05d}.npz"
        arrays["key"] = random.integers(0, 2**64, len(arrays["key"]), np.uint64)
        np.savez(path, **arrays)
        written += path.stat().st_size
    return written


def child(folder: str, streaming: str) -> dict[str, Any]:
    """Train a few hundred steps in this process; return peak memory [GB] and steps per second, epoch by epoch."""
    from app.runtime import device

    device.prepare(1)
    import keras
    from training import prepare

    from app.config.job_file import load
    from app.data.loading import load_data
    from app.training.build import build
    from datasets.pipeline.batches import shuffled_batches

    dataset = {"name": "track_states", "files": f"{folder}/shard_*.npz", "streaming": streaming == "true"}
    job = load(
        "json/track_extrapolation/mlp_tiny.json",
        [
            f"dataset={json.dumps(dataset)}",
            f"model.preset={PRESET}",
            f"training.batch_size={BATCH}",
            f"training.steps_per_epoch={STEPS}",
        ],
    )[0]
    begin = time.perf_counter()
    data = load_data(job)
    built = build(job, data)
    ready = time.perf_counter() - begin
    _, _, compiled = prepare(PRESET, BATCH, STEPS)
    steps = compiled.objective.steps_per_execution
    built.objective.compile(
        optimizer=compiled.objective.optimizer.__class__(1e-3), jit_compile=False, steps_per_execution=steps
    )
    endless = shuffled_batches(data.splits.train, built.prepare, BATCH, 1)
    ends: list[float] = []  # of the epochs of one call: another call would begin with the first window again
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()))
    built.objective.fit(endless, steps_per_epoch=STEPS, epochs=7, verbose=0, shuffle=False, callbacks=[note])
    speeds = STEPS / np.diff(ends)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"rows": data.splits.train.rows, "ready": ready, "peak": peak, "speed": float(np.median(speeds))}


def main() -> None:
    """Measure both ways, each in a process of its own."""
    if sys.argv[1:2] == [CHILD]:
        print(json.dumps(child(*sys.argv[2:4])), flush=True)
        os._exit(0)  # a data thread may be reading
    chosen = parse_options(__doc__)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        size = write_shards(Path(name), 2e8 if chosen.quick else 5e9)
        found: dict[str, list[dict[str, Any]]] = {"true": [], "false": []}
        for streaming, figures in found.items():
            words = [sys.executable, __file__, CHILD, name, streaming]
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
            figures.append(json.loads(done.stdout.strip().splitlines()[-1]))
    rows = [
        {
            "data": f"{size / 1e9:.1f} GB of shards, " + ("streamed" if streaming == "true" else "in memory"),
            "training rows": figures[0]["rows"],
            "peak resident [GB]": max(f["peak"] for f in figures),
            "samples/s": BATCH * float(np.median([f["speed"] for f in figures])),
            "s until the first step": float(np.median([f["ready"] for f in figures])),
        }
        for streaming, figures in found.items()
    ]
    report("Streaming", rows, chosen, [f"{PRESET} MLP, batch {BATCH}."])


if __name__ == "__main__":
    main()
