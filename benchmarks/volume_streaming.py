"""Memory and speed of volume images from shards ten times larger than the memory they are allowed, and the trap.

Shards are read as a training reads them, without a network: what a network takes would hide what reading takes. The
memory allowed is what a process may take beyond that of the libraries, dense batches that wait for the network among
it. Each case is a process of its own, the cases take turns; medians. The shards are one simulated shard written again
and again under other keys: what is measured is reading, not physics.

The trap is the obvious file, all images of a shard as one compressed array, opened again for each event.
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

CHILD = "--child"
BATCH = 16
EVENTS = 500
"""In a shard."""
THRESHOLD = (45.0, 45.0, 38.0)
"""Near the noise [ADC], so that the shards are large: thousands of pixels for each event instead of four hundred."""
ALLOWED = 0.65e9
TIMES_LARGER = 10
DENSE_EVENTS = 100
REPETITIONS = 2
CASES = ("streamed", "in memory")


def write_shards(folder: Path, total_bytes: float) -> tuple[int, int]:
    """Fill the folder with shards; return their bytes and how many they are."""
    from datasets import SIMULATORS

    words = {"name": "volume_images", "events": EVENTS, "shard_size": EVENTS, "threshold": THRESHOLD}
    SIMULATORS.parse(words).build(folder / "first")
    first = folder / "first" / "shard_00000.npz"
    with np.load(first) as content:
        arrays = dict(content)
    random = np.random.default_rng(1)
    written = count = 0
    while written < total_bytes or not count:
        path = folder / f"shard_{count:05d}.npz"
        arrays["key"] = random.integers(0, 2**64, len(arrays["key"]), np.uint64)
        np.savez(path, **arrays)
        written, count = written + path.stat().st_size, count + 1
    return written, count


def write_dense(folder: Path) -> Path:
    """Write the images of some events as one compressed array."""
    from datasets.argon.volume_files import PLANES, open_shard

    images, _ = open_shard(folder / "shard_00000.npz").pixels(np.arange(DENSE_EVENTS), PLANES)
    np.savez_compressed(folder / "dense.npz", images=np.asarray(images))
    return folder / "dense.npz"


def resident_memory() -> float:
    """Return the highest resident memory of this process so far [bytes]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1e3


def child(folder: str, case: str, count: str) -> dict[str, float]:
    """Read batches in this process; return memory [bytes], seconds until the first batch, and samples per second."""
    from app.runtime import device

    device.prepare(1)
    from datasets import DATASETS
    from datasets.pipeline.batches import shuffled_batches
    from datasets.pipeline.split import split

    paths = sorted(Path(folder).glob("shard_*.npz"))[: int(count)]
    words = {"name": "volume_images", "files": [str(p) for p in paths], "streaming": case == "streamed"}
    spec = DATASETS.parse(words)
    base, begin = resident_memory(), time.perf_counter()
    splits = split(spec.build(paths), spec.options)
    opened = time.perf_counter()
    read = iter(shuffled_batches(splits.train, lambda e: ({"volume": np.asarray(e.inputs["volume"])}, {}), BATCH, 1))
    next(read)
    first = time.perf_counter()
    steps, speeds = 2 * EVENTS // BATCH, []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(steps):
            next(read)
        speeds.append(steps * BATCH / (time.perf_counter() - start))
    times = {"split": opened - begin, "first": first - opened}
    return {"growth": resident_memory() - base, "base": base, **times, "speed": float(np.median(speeds))}


def trap(path: Path, events: int) -> float:
    """Return samples per second of a compressed array that is opened for each event."""
    begin = time.perf_counter()
    for event in range(events):
        with np.load(path) as content:
            content["images"][event].sum()
    return events / (time.perf_counter() - begin)


def measured(folder: str, case: str, count: int) -> dict[str, float]:
    """Return what a process of its own has measured."""
    words = [sys.executable, __file__, CHILD, folder, case, str(count)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def table(folder: Path, size: int, counts: dict[str, int], repetitions: int) -> list[dict[str, Any]]:
    """Return the rows of all cases, which take turns."""
    dense = write_dense(folder)
    found: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
    slow = []
    for _ in range(repetitions):
        for case, figures in found.items():
            figures.append(measured(str(folder), case, counts[case]))
        slow.append(trap(dense, 3))
    medians = {c: {n: float(np.median([f[n] for f in fs])) for n in fs[0]} for c, fs in found.items()}
    reference, every = medians["in memory"]["speed"], max(counts.values())
    rows: list[dict[str, Any]] = [
        {
            "shards": f"{size * counts[case] / every / 1e9:.1f} GB, {case}",
            "memory beyond the libraries [GB]": max(f["growth"] for f in found[case]) / 1e9,
            "samples/s": figures["speed"],
            "of in memory": figures["speed"] / reference,
            "first pass, checks and split [s]": figures["split"],
            "then the first batch after [s]": figures["first"],
        }
        for case, figures in medians.items()
    ]
    name = f"compressed npz of {DENSE_EVENTS} dense events, opened for each event"
    speed = float(np.median(slow))
    return [*rows, {"shards": name, "samples/s": speed, "of in memory": speed / reference}]


def main() -> None:
    """Measure all cases."""
    if sys.argv[1:2] == [CHILD]:
        print(json.dumps(child(*sys.argv[2:5])), flush=True)
        os._exit(0)  # a data thread may be reading
    chosen = parse_options(__doc__)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        size, count = write_shards(Path(name), 0.0 if chosen.quick else TIMES_LARGER * ALLOWED)
        counts = {"streamed": count, "in memory": max(count // 4, 1)}
        rows = table(Path(name), size, counts, 1 if chosen.quick else REPETITIONS)
    note = f"Batches of {BATCH} volumes, {BATCH * 208 * 1242 * 3 * 4 / 1e6:.0f} MB each."
    share = f"A quarter of the shards in memory: its speed does not depend on how many. Allowed: {ALLOWED / 1e9} GB."
    report("Streaming of volume images", rows, chosen, [note, share])


if __name__ == "__main__":
    main()
