"""Disagreements between the registry and the run directories, and their repair."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import registry
from app.core.errors import UserError, WirechamberError
from app.core.lock import LockTaken, locked
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runs.drift import Drift
from app.runs.files import read_file, read_job
from app.runs.misplaced import describe, find_misnamed, find_vanished, give_name
from app.runs.record import fingerprint, folder_of, record_fields, result_fields

ACTIVE = ("running", "evicted")
"""States of a run whose process should exist here, unless a pool has it."""


def find_drift(root: Path, runs: Path) -> list[Drift]:
    """Compare the registry in `root` with the run directories in `runs`; nothing is written."""
    contents = registry.read_all(root)
    known = {record.run: record for record in contents.records}
    drifts = [Drift("", f"{path}: {line}") for path, line in sorted(contents.damaged.items())]
    if (root / "runs").is_dir():
        try:
            page = (root / "README.md").read_text(encoding="utf-8")
        except OSError:
            page = ""
        if page != registry.render(contents):
            drifts.append(Drift("", "README.md does not agree with the records and notes"))
    for record in contents.records:
        try:
            drifts += list(drift_of_record(record, directory.of(record.run, runs)))
        except UserError as error:
            drifts.append(Drift(record.run, str(error.problems[0])))
    for path in sorted(runs.glob("*/.replaced*")):
        if not is_working(directory.of(path.parent.name, runs)):
            what = f"{path.name} holds the run that a killed --overwrite had set aside; --repair puts it back"
            drifts.append(Drift(path.parent.name, what))
    misnamed = []
    for path in sorted(runs.glob("*/job.json")):
        run = directory.of(path.parent.name, runs)
        one = None if is_working(run) else find_misnamed(run, known)
        found = [] if run.name in known or (one and one.is_moved) else list(drift_of_directory(run))
        if one is not None:
            misnamed.append(one)
            base = found[0] if found else Drift(run.name, "")
            found = [replace(base, what=describe(one, run.name in known), misnamed=one)]
        drifts += found
    return drifts + find_vanished(contents.records, misnamed, runs)


def drift_of_record(record: registry.Record, run: RunDirectory) -> Iterator[Drift]:
    """Yield where a record disagrees with its directory.

    A record without a directory belongs to a run of another machine, unless it says that it is running here, or was
    made here, which `find_vanished` looks at.
    """
    if record.state in ACTIVE and record.job_id is None and not is_working(run):
        yield Drift(record.run, f"{record.state} in the registry, but no process works on it", ended_fields(run))
    is_search = (run.path / "search").exists()  # which has results before it has ended
    if record.state == "interrupted" and has_finished(run) and not is_search and not is_working(run):
        yield Drift(record.run, "interrupted in the registry, but finished in its directory", finished_fields(run))
    if record.state != "done" or not run.job.exists():
        return
    results = _read(run.metrics)
    if not results:
        yield Drift(record.run, "done in the registry, but metrics.json is missing or damaged")
        return
    values = {name: result["model"].get(result["metric"]) for name, result in results.items()}
    leading = record.task or next(iter(values))
    value = values.get(leading)
    # a value that is not finite is recorded as None, and NaN differs from itself
    comparable = None not in (record.value, value) and record.value == record.value and value == value
    if leading in values and comparable and record.value != value:
        what = f"{record.metric} is {record.value} in the registry and {value} in metrics.json"
        yield Drift(record.run, what, finished_fields(run))


def drift_of_directory(run: RunDirectory) -> Iterator[Drift]:
    """Yield what is wrong with a run directory that has no record."""
    if is_working(run):
        return
    try:
        job = read_job(run.job)
    except UserError:
        yield Drift(run.name, "a run directory whose job.json is not a valid job, and no record")
        return
    try:
        provenance, model = _read(run.provenance), _read(run.model_config)
        names = ("host", "device", "commit", "dirty")
        made = {name: provenance[name] for name in names if provenance.get(name) is not None}
        made["folder"] = folder_of(run.path.parent)
        if "start" in provenance:
            start = provenance["start"].replace("+00:00", "Z")
            made |= {"created": start, "started": start}
        if "dataset" in provenance:
            data = provenance["dataset"]
            made |= {"dataset": data["description"], "simulated": data["simulated"]}
            made["fingerprint"] = fingerprint(job, data["fingerprint"])
        keys = {"parameters": "parameters", "model": "description"}
        made |= {name: model[key] for name, key in keys.items() if key in model}
        changes = {**record_fields(job), "config": str(run.job), **made, **ended_fields(run)}
    except (UserError, KeyError) as error:
        yield Drift(run.name, f"a run directory of another version ({error}), and no record")
        return
    yield Drift(run.name, f"{changes['state']} in its directory, but not in the registry", changes)


def is_working(run: RunDirectory) -> bool:
    """Whether a living process works on the run, or on a trial of the search that it is."""
    if not run.path.is_dir():
        return False
    for lock in [run.lock, *sorted(run.path.glob("search/**/*.lease"))]:
        try:
            with locked(lock, wait=0.0):
                continue
        except LockTaken:
            return True
    return False


def has_finished(run: RunDirectory) -> bool:
    """Whether the results are there, and complete if they are not damaged."""
    return run.metrics.exists() and bool(_read(run.provenance).get("end"))


def ended_fields(run: RunDirectory) -> dict[str, Any]:
    """Return the fields of a run whose process ended without writing them."""
    if has_finished(run):
        return finished_fields(run)
    if any(run.checkpoints.glob("epoch_*")):
        return {"state": "interrupted", "reason": "its process ended without a message; resume with --resume"}
    return {"state": "failed", "reason": "its process ended without a message before the first checkpoint"}


def finished_fields(run: RunDirectory) -> dict[str, Any]:
    """Return the fields that follow from the files of a finished run."""
    results, history = read_file(run.metrics), _read(run.history)
    description, end = _read(run.model_config).get("description", ""), _read(run.provenance).get("end")
    return {
        "state": "done",
        **({"finished": end.replace("+00:00", "Z")} if end else {}),
        **result_fields(results, description),
        "test_events": next(iter(results.values()))["model"].get("rows"),
        "metrics": history.get("test_final", {}),
        "best_epoch": history.get("best_epoch"),
        "training_time": history.get("training_time"),
        "epoch": len(history.get("train", [])) or None,
    }


def repair(root: Path, drifts: list[Drift]) -> list[str]:
    """Repair what can be repaired, and return a line for each disagreement that remains."""
    remaining = []
    for drift in drifts:
        if not drift.changes and not drift.misnamed:
            if drift.run or "README" not in drift.what:  # the page itself is written below
                remaining.append(f"{drift.run}: {drift.what}" if drift.run else drift.what)
            continue
        try:
            if drift.misnamed is not None:
                own = drift.misnamed
                give_name(own.run, own.old, own.run.name, with_record=own.is_moved)
            if not drift.changes:
                continue
            if registry.find(root, drift.run) is None:
                registry.create(root, registry.Record(run=drift.run, **drift.changes))
            else:
                registry.update(root, drift.run, **drift.changes)
        except WirechamberError as error:
            remaining.append(f"{drift.run}: {error}")
    registry.refresh(root)
    return remaining


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a file, {} where it is missing, damaged or of another shape."""
    try:
        return read_file(path)
    except UserError:
        return {}
