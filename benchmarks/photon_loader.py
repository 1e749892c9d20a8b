"""How fast are events of photon sensors read, compared with uproot alone on the same branches in the same blocks?

The loader reads the branches, marks invalid readings, builds the input tensor, sums the light for the baselines and
makes the event keys; its first pass checks the truth and looks for duplicates as well. Both open the files anew in each
pass, in this process, from the page cache, and take turns; medians. The loader unpacks baskets with two threads where
uproot by itself uses one; the third case gives uproot alone the same two. Seconds are wall-clock, processor time is
given with them. Peak memory is that of a process of its own that streams all blocks once.
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
from datasets.photons.files import BRANCHES, ELEMENT

BLOCK = 1000
CHILD = "--child"


def list_branches() -> list[str]:
    """Return the branches that the loader reads."""
    return list(dict.fromkeys(found[1] if (found := ELEMENT.fullmatch(b)) else b for b in BRANCHES.values()))


def read_with_uproot(files: list[Path], unpacking: Any = None) -> None:
    """Read the branches as arrays, block by block."""
    wanted = list_branches()
    for path in files:
        with uproot.open(path) as file:
            tree = file["tree"]
            for first in range(0, tree.num_entries, BLOCK):
                span = {"entry_start": first, "entry_stop": first + BLOCK}
                tree.arrays(wanted, library="np", decompression_executor=unpacking, **span)


def open_source(files: list[Path]) -> Any:
    """Open the dataset as a job does."""
    spec = DATASETS.parse({"name": "photon_sensors", "files": [str(path) for path in files], "block_size": BLOCK})
    return spec.build(files)


def count_events(opened: Any) -> int:
    """Read all blocks, one at a time."""
    return sum(len(events) for events in opened)


def measure_peak(files: list[Path]) -> float:
    """Return the peak memory [GB] of a process that reads the files once."""
    words = [sys.executable, __file__, CHILD, *map(str, files)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["peak"])


def peak_memory() -> float:
    """Return the peak memory of this process [GB]; getrusage would give that of the process it was forked from."""
    line = next(text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmHWM"))
    return float(line.split()[1]) / 1e6


def repeat_reading(files: list[Path]) -> Callable[[], float]:
    """Return a pass over an opened source whose checks are done."""
    opened = open_source(files)
    count_events(opened)
    return time_call(lambda: count_events(opened))


def processor_seconds(measure: Callable[[], float]) -> float:
    """Return the processor seconds of one measurement."""
    begin = time.process_time()
    measure()
    return time.process_time() - begin


def main() -> None:
    """Simulate files, then let the cases take turns."""
    if sys.argv[1:2] == [CHILD]:
        count_events(open_source([Path(name) for name in sys.argv[2:]]))
        print(json.dumps({"peak": peak_memory()}))
        return
    chosen = parse_options(__doc__)
    events = 1000 if chosen.quick else 8000
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        SIMULATORS.parse({"name": "photon_sensors", "events": events}).build(Path(name))
        files = sorted(Path(name).glob("*.root"))
        size = sum(path.stat().st_size for path in files)
        pool = uproot.ThreadPoolExecutor(2)
        cases = {
            "uproot alone": time_call(lambda: read_with_uproot(files)),
            "uproot alone, two threads": time_call(lambda: read_with_uproot(files, pool)),
            "photon_sensors, first pass": time_call(lambda: count_events(open_source(files))),
            "photon_sensors, further pass": repeat_reading(files),
        }
        seconds = measure_in_turn(cases, 3 if chosen.quick else 9)
        used = {case: processor_seconds(measure) for case, measure in cases.items()}
        memory = {f"{n} files": measure_peak(files[:n]) for n in sorted({1, len(files)})}
    plain = seconds["uproot alone"]
    rows = [
        {
            "": case,
            "events/s": events / s,
            "share of uproot alone": plain / s,
            "processor [us/event]": 1e6 * used[case] / events,
        }
        for case, s in seconds.items()
    ]
    ratio = plain / seconds["photon_sensors, further pass"]
    notes = [
        f"{events:,} events, {size / events / 1e3:.1f} kB each on disk, {len(list_branches())} branches, "
        f"blocks of {BLOCK}.",
        "Peak resident memory of one pass: " + ", ".join(f"{case} {gb:.2f} GB" for case, gb in memory.items()) + ".",
    ]
    report("Loader of photon sensors", rows, chosen, notes, {"ratio": ratio, "peak_gb": memory})


if __name__ == "__main__":
    main()
