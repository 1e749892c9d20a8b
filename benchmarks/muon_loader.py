"""How fast do jagged ROOT trees of muon hits become padded batches, compared with `uproot.iterate` on them?

The loader reads the branches in blocks, matches hits with muons, cuts, derives features, makes one table of them and
the event keys. "events" stops there; "to padded arrays" goes on to batches of 256, each padded to its longest event, as
a network sees them. Both open the files anew in each pass, in this process, from the page cache, and take turns;
medians. The loader unpacks baskets with two threads where uproot by itself uses one; one case gives uproot alone the
same two. MB are those of the branches, unpacked. First batch and peak memory are those of a process of its own, which
streams shuffled batches through TensorFlow as a training does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uproot
from _results import ROOT, measure_in_turn, parse_options, report, time_call

from datasets import DATASETS, SIMULATORS
from datasets.pipeline.options import DatasetOptions

BLOCK, BATCH = 5000, 256
CHILD = "--child"


def open_source(files: list[Path]) -> Any:
    """Open the dataset as a job does."""
    spec = DATASETS.parse({"name": "muon_hits", "files": [str(path) for path in files], "block_size": BLOCK})
    return spec.build(files)


def list_branches(path: Path) -> list[str]:
    """Return the branches that the loader reads."""
    from datasets.muons.columns import STANDARD
    from datasets.muons.files import Naming, open_muon_tree

    found = open_muon_tree(path, "MuonHitDump", STANDARD, Naming("spacePoint_", "truthMuon_", {}, {}), link=True)
    return [*found.hits.values(), *found.truth.values()]


def read_with_uproot(files: list[Path], wanted: list[str], unpacking: Any = None) -> int:
    """Read the branches block by block as Awkward arrays."""
    named = [f"{path}:MuonHitDump" for path in files]
    return sum(
        len(block)
        for block in uproot.iterate(named, wanted, step_size=BLOCK, library="ak", decompression_executor=unpacking)
    )


def count_events(opened: Any) -> int:
    """Read all blocks, one at a time."""
    return sum(len(block) for block in opened)


def read_padded(opened: Any, first_only: bool = False) -> int:
    """Make padded batches of one pass over all events, streaming; return how many."""
    from datasets.pipeline.arrays import dense
    from datasets.pipeline.batches import shuffled_batches
    from datasets.pipeline.split import split

    choice = {"train": 1.0, "validation": 0.0, "test": 0.0}
    part = split(opened, DatasetOptions(files=("x",), split=choice, streaming=True)).train

    def prepare(block: Any) -> Any:
        return {name: dense(array) for name, array in block.inputs.items()}, {"pt": block.columns["pt"]}

    number = 1 if first_only else part.rows // BATCH
    return sum(1 for _ in shuffled_batches(part, prepare, BATCH, seed=1).take(number))


def count_batches(opened: Any) -> int:
    """Make the same batches in their stored order, without TensorFlow."""
    from datasets.pipeline.arrays import dense
    from datasets.pipeline.batches import regroup

    return sum(len([dense(array) for array in block.inputs.values()]) > 0 for block in regroup(opened, BATCH))


def child(files: list[Path]) -> None:
    """Print seconds to the first batch after the imports, and the peak memory after all."""
    import awkward  # noqa: F401  (uproot imports it with the first array)

    from app.core.libraries import keras, tf

    keras.backend.backend()
    tf.zeros(1)
    begin, used = time.perf_counter(), time.process_time()
    read_padded(open_source(files[:1]), first_only=True)
    first, used = time.perf_counter() - begin, time.process_time() - used
    read_padded(open_source(files))
    print(json.dumps({"first": first, "processor": used, "peak": peak_memory()}))


def peak_memory() -> float:
    """Return the peak memory of this process [GB]; getrusage would give that of the process it was forked from."""
    line = next(text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmHWM"))
    return float(line.split()[1]) / 1e6


def measure_alone(files: list[Path]) -> dict[str, float]:
    """Return what a process of its own needs for these files."""
    words = [sys.executable, __file__, CHILD, *map(str, files)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def repeat_reading(files: list[Path], work: Callable[[Any], int]) -> Callable[[], float]:
    """Return a pass over an opened source whose checks are done."""
    opened = open_source(files)
    count_events(opened)
    return time_call(lambda: work(opened))


def measure_unpacking(files: list[Path], wanted: list[str]) -> float:
    """Return the size of the branches in memory [MB]."""
    return sum(block.nbytes for block in uproot.iterate([f"{p}:MuonHitDump" for p in files], wanted)) / 1e6


def main() -> None:
    """Simulate files, then let the cases take turns."""
    if sys.argv[1:2] == [CHILD]:
        child([Path(name) for name in sys.argv[2:]])
        return
    chosen = parse_options(__doc__)
    number = 2000 if chosen.quick else 20_000
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        SIMULATORS.parse({"name": "muon_hits", "events": number, "shard_size": number // 4}).build(Path(name))
        files = sorted(Path(name).glob("*.root"))
        wanted, pool = list_branches(files[0]), uproot.ThreadPoolExecutor(2)
        size, disk = measure_unpacking(files, wanted), sum(path.stat().st_size for path in files) / 1e6
        samples = count_events(open_source(files))
        cases = {
            "uproot.iterate": time_call(lambda: read_with_uproot(files, wanted)),
            "uproot.iterate, two threads": time_call(lambda: read_with_uproot(files, wanted, pool)),
            "muon_hits, first pass, events": time_call(lambda: count_events(open_source(files))),
            "muon_hits, further pass, events": repeat_reading(files, count_events),
            "muon_hits, further pass, to padded arrays": repeat_reading(files, count_batches),
        }
        seconds = measure_in_turn(cases, 3 if chosen.quick else 7)
        memory = {len(some): measure_alone(some) for some in (files[:1], files)}
    plain = seconds["uproot.iterate"]
    rows = [
        {"": case, "events/s": number / s, "MB/s": size / s, "share of uproot.iterate": plain / s}
        for case, s in seconds.items()
    ]
    notes = [
        f"{number:,} events, {samples:,} samples, {len(wanted)} branches, "
        f"{size:.0f} MB unpacked, {disk:.0f} MB on disk.",
        f"First padded batch of the first file {memory[1]['first']:.2f} s after the imports, its split included, "
        f"of which {memory[1]['processor']:.2f} s of processor.",
        "Peak resident memory of a process with TensorFlow that streams all batches: "
        + ", ".join(f"{n} files {found['peak']:.2f} GB" for n, found in memory.items())
        + ".",
    ]
    report(
        "Loader of muon hits",
        rows,
        chosen,
        notes,
        {"share": plain / seconds["muon_hits, further pass, to padded arrays"]},
    )


if __name__ == "__main__":
    main()
