"""`wirechamber best`: the best run of an application, and a copy of its model."""

import argparse

import registry
from app.commands._parser import read_path
from app.runs import directory
from app.runs.finished import copy_run
from app.runtime.console import console
from registry import cells
from registry.ranking import best_run
from registry.record import number


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
    lines = [
        f"{record.run}: {metric} {value}, the best of {best.runs} on {simulated}{record.dataset}{task}",
        f"  {record.model}, {record.verdict}",
        f"  {run.path if run.model.exists() else 'its directory is not on this machine'}",
    ]
    lines += [
        f"on other data ({other.dataset}): {other.run} {number(other.figure(metric))}; --data {other.fingerprint[:8]}"
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
