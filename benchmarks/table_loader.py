"""How fast does the `table` dataset stream files, compared with the library that reads them?

The plain reader reads the same columns in the same blocks and does nothing else: `uproot.iterate` for trees,
`iter_batches` of pyarrow for Parquet, slices of h5py. "One array" is what a loop by hand needs as well: the inputs as
one array. The loader also converts a unit; its first pass checks each value, hashes and compares the keys, and hashes
the file; later passes keep the keys of the first 2^21 rows. All cases of a file take turns, from the page cache, in
this process; medians. Wall time and processor time (user and system, all threads) are given, for a machine that others
use as well. The plain reader of HDF5 that is not compressed only copies memory: one array costs more.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import h5py
import numpy as np
import pyarrow
import uproot
from _results import measure_in_turn, parse_options, report, time_call
from pyarrow import parquet

from datasets import DATASETS

INPUTS = [f"x{i}" for i in range(12)]
COLUMNS = ["run", "event", *INPUTS, "y"]
BLOCK = 2**18
PLAIN, STACKED = "plain reader", "plain reader, one array"
KINDS = {"a.root": "ROOT", "a.parquet": "Parquet", "compressed.h5": "HDF5, gzip", "plain.h5": "HDF5, not compressed"}


def write_files(folder: Path, rows: int) -> list[Path]:
    """Write the same table as a tree, a Parquet file and an HDF5 file."""
    random = np.random.default_rng(1)
    columns: dict[str, Any] = {"run": np.arange(rows) // 1000, "event": np.arange(rows)}
    columns |= {name: random.normal(size=rows).astype(np.float32) for name in (*INPUTS, "y")}
    with uproot.recreate(folder / "a.root") as file:
        file.mktree("t", {name: values.dtype for name, values in columns.items()})
        for first in range(0, rows, 50_000):
            file["t"].extend({name: values[first : first + 50_000] for name, values in columns.items()})
    parquet.write_table(pyarrow.table(columns), folder / "a.parquet", row_group_size=BLOCK)
    for name, how in (("compressed.h5", {"compression": "gzip", "shuffle": True}), ("plain.h5", {})):
        with h5py.File(folder / name, "w") as file:
            for column, values in columns.items():
                file.create_dataset(column, data=values, **how)
    return [folder / name for name in ("a.root", "a.parquet", "compressed.h5", "plain.h5")]


def plain_blocks(path: Path) -> Iterator[list[Any]]:
    """Yield all columns block by block, read with the library alone."""
    if path.suffix == ".root":
        for block in uproot.iterate(f"{path}:t", COLUMNS, step_size=BLOCK, library="np"):
            yield [block[name] for name in COLUMNS]
    elif path.suffix == ".parquet":
        for block in parquet.ParquetFile(path).iter_batches(BLOCK, columns=COLUMNS):
            yield [column.to_numpy() for column in block.columns]
    else:
        with h5py.File(path) as file:
            for first in range(0, len(file["y"]), BLOCK):
                yield [file[name][first : first + BLOCK] for name in COLUMNS]


def read_plain(path: Path, stacked: bool = False) -> int:
    """Read all blocks with the library alone, or also make the array that a network takes; return the rows."""
    rows = 0
    for block in plain_blocks(path):
        rows += len(np.stack(block[2:-1], axis=-1) if stacked else block[0])
    return rows


def open_source(path: Path) -> Any:
    """Open the dataset as a job does."""
    content = {"inputs": dict.fromkeys(INPUTS, "MeV"), "targets": ["y"], "key": ["run", "event"]}
    return DATASETS.parse({"name": "table", "files": str(path), "block_size": BLOCK, **content}).build([path])


def count_events(opened: Any) -> int:
    """Read all blocks, one at a time."""
    return sum(len(block) for block in opened)


def further_pass(path: Path) -> Callable[[], float]:
    """Return a pass over an opened source whose checks are done."""
    opened = open_source(path)
    count_events(opened)
    return time_call(lambda: count_events(opened))


def with_processor_time(measure: Callable[[], float], used: list[float]) -> Callable[[], float]:
    """Return a function that measures, and appends the processor time of this process [s] to `used`."""

    def both() -> float:
        begin = time.process_time()
        seconds = measure()
        used.append(time.process_time() - begin)
        return seconds

    return both


def main() -> None:
    """Write the files, then let the cases take turns."""
    chosen = parse_options(__doc__)
    rows = 500_000 if chosen.quick else 3_000_000
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        found = []
        for path in write_files(Path(name), rows):
            cases = {
                PLAIN: time_call(lambda path=path: read_plain(path)),
                STACKED: time_call(lambda path=path: read_plain(path, stacked=True)),
                "first pass": time_call(lambda path=path: count_events(open_source(path))),
                "further pass": further_pass(path),
            }
            used: dict[str, list[float]] = {case: [] for case in cases}
            turns = {case: with_processor_time(measure, used[case]) for case, measure in cases.items()}
            seconds = measure_in_turn(turns, 3 if chosen.quick else 7)
            processor = {case: statistics.median(times[1:]) for case, times in used.items()}  # the first compiles
            for case, wall in seconds.items():
                row = {"file": KINDS[path.name], "case": case, "rows/s": rows / wall}
                row |= {f"share of the {PLAIN}": seconds[PLAIN] / wall, "of one array": seconds[STACKED] / wall}
                row |= {"processor [s]": processor[case], "share of it": processor[PLAIN] / processor[case]}
                found.append({**row, "of one array's": processor[STACKED] / processor[case]})
    report("Loader of tables", found, chosen, [f"{rows:,} rows, {len(COLUMNS)} columns, blocks of {BLOCK:,} rows."])


if __name__ == "__main__":
    main()
