"""`wirechamber best`: the best run of an application, and a copy of its model."""

import argparse
from contextlib import suppress

import registry
from app.commands._parser import read_path
from app.core.errors import UserError
from app.runs import directory
from app.runs.files import read_file
from app.runs.finished import copy_run
from app.runtime.console import console
from registry import cells
from registry.ranking import best_run
from registry.record import Record, number

MOST = 3
"""So many files of a run are named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("application", help="e.g. track_extrapolation")
    parser.add_argument(
        "--copy-to", type=read_path, metavar="DIR", help="copy model, ONNX, job, metrics, provenance there"
    )
    parser.add_argument("--data", metavar="FINGERPRINT", help="among the runs on these data; else where most runs are")


def execute(options: argparse.Namespace) -> int:
    """Print the best run, and copy its files where it was asked for."""
    registry.settle(registry.root())
    best = best_run(registry.root(), options.application, options.data)
    record, metric = best.record, best.metric
    value = number(record.figure(metric))
    run = directory.of(record.run)
    simulated = "SIMULATED, " if record.simulated else ""
    task = f"; the tasks: {cells.result(record)}" if record.others else ""
    data = f"{record.dataset}{which_data(record)}" if best.elsewhere else record.dataset
    lines = [
        f"{record.run}: {metric} {value}, the best of {best.runs} on {simulated}{data}{task}",
        f"  {record.model}, {record.verdict}",
        f"  {run.path if run.model.exists() else 'its directory is not on this machine'}",
    ]
    if best.others:
        lines.append(f"not compared: {best.others} run{'s' * (best.others > 1)} on other data")
    lines += [
        f"  {other.dataset}{which_data(other)}: {other.run} {number(other.figure(metric))}; "
        f"--data {other.fingerprint[:8]}"
        for other in best.elsewhere
    ]
    for line in lines:
        console.print(line)
    if options.copy_to:
        for path in copy_run(run, options.copy_to):
            console.print(f"copied: {path}")
        if not run.onnx.exists():
            console.print(f"no model.onnx: `wirechamber export {record.run}` writes it")
    return 0


def which_data(record: Record) -> str:
    """Return what tells data apart that are described by the same words: the fingerprint, and the files if known."""
    names: list[str] = []
    with suppress(UserError):  # where the run lies on another machine
        files = read_file(directory.of(record.run).job)["dataset"].get("files") or []
        names = [file.rstrip("/").rpartition("/")[2] for file in files]
    more = [f"{len(names) - MOST} more"] if len(names) > MOST else []
    return f" ({', '.join([*names[:MOST], *more, record.fingerprint[:8]])})"
