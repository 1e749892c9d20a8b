"""`wirechamber show`: everything about one run, and what to do with it next."""

import argparse
import re
from typing import Any

import registry
from app.commands._data import print_data, wants_data
from app.commands._parser import add_formats
from app.commands._results import show_results
from app.core.errors import UserError
from app.core.files import read_json
from app.core.types import NAMES
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runs.find import find_run
from app.runs.removal import size_of
from app.runtime.console import entry
from registry import cells
from registry.notes import read_remark

NEXT = {
    "done": "predict {run} --data FILES | export {run} | compare {run} OTHER",
    "interrupted": "run {path}/job.json --resume",
    "failed": "run {path}/job.json --overwrite",
    "held": "resubmit {run}",
}
"""The command that a run in a state is waiting for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", metavar="RUN", help="name or path of a run")
    add_formats(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the run's record, its results next to the baselines, and its files."""
    run, record = find(options.run)
    results = read_json(run.metrics) if run.metrics.exists() else {}
    if wants_data(options):
        print_data(options, [as_data(run, record, results)], as_data(run, record, results))
        return 0
    remarks = registry.root() / "notes" / "runs" / f"{run.name}.md"
    noted = {"notes": read_remark(remarks)} if remarks.exists() else {}
    for name, text in (facts(run, record) | noted).items():
        if text:
            entry(name, text, column=13, indent=0)
    if results:
        show_results(run, results, run.path)
    if record is not None and record.state in NEXT and run.job.exists():
        entry("next:", "wirechamber " + NEXT[record.state].format(run=run.name, path=run.path), column=6, indent=0)
    return 0


def find(name: str) -> tuple[RunDirectory, registry.Record | None]:
    """Return a run and its record; a removed or remote run has no directory, one that was never registered no record.

    Raises:
        UserError: there is neither.
    """
    try:
        run = find_run(name)
    except UserError:
        is_name = re.fullmatch(NAMES.pattern, name) is not None  # not a path, which no record can have
        record = registry.find_or_warn(registry.root(), name) if is_name else None
        if record is None:
            raise
        return directory.of(name), record
    return run, registry.find_or_warn(registry.root(), run.name)


def facts(run: RunDirectory, record: registry.Record | None) -> dict[str, str]:
    """Return what there is to say, one line each, by its name."""
    files, size = size_of(run)
    place = f"{run.path}, {files:,} files, {size / 1e6:,.1f} MB" if run.job.exists() else "not on this machine"
    if record is None:
        return {"run": run.name, "state": "not in the registry", "files": place}
    ended = f", {record.reason}" if record.reason else ""
    simulated = "SIMULATED, " if record.simulated else ""
    epochs = f"best epoch {record.best_epoch} of {record.epoch}" if record.best_epoch is not None else ""
    epochs += judged(run, record.best_epoch) if epochs else ""
    times = [cells.duration(record.training_time), epochs, cells.minute(record.finished or record.started)]
    return {
        "run": f"{run.name}, {record.application}",
        "state": f"{record.state}{ended}",
        "rationale": record.rationale,
        "model": ", ".join(
            filter(None, (record.model, f"{cells.count(record.parameters)} parameters", cells.loss(record)))
        ),
        "data": f"{simulated}{record.dataset} ({record.fingerprint[:8]})" if record.dataset else "",
        "training": ", ".join(filter(None, times)),
        "result": f"{cells.result(record)}: {record.verdict}" if record.verdict else "",
        "commit": cells.commit(record),
        "files": place,
    }


def judged(run: RunDirectory, epoch: int | None) -> str:
    """Return by which validation figure an epoch is the best, ` by val_loss 0.0123`; "" where it is not known."""
    try:
        monitor = read_json(run.trained_job)["training"].get("monitor", "val_loss")
        row = next(row for row in read_json(run.history)["val"] if row["epoch"] == epoch)
        return f" by {monitor} {row[monitor.removeprefix('val_')]:.4g}"
    except (UserError, LookupError, TypeError, AttributeError, StopIteration, ValueError):
        return ""


def as_data(run: RunDirectory, record: registry.Record | None, results: dict[str, Any]) -> dict[str, Any]:
    """Return the same for a script."""
    files = sorted(str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file())
    known = None if record is None else record.model_dump(mode="json")
    return {"run": run.name, "directory": str(run.path), "record": known, "metrics": results, "files": files}
