"""Where the registry and the run directories disagree, and what would mend it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import registry
from app.config import Job
from app.config.job_file import parse
from app.core.errors import UserError, WirechamberError
from app.core.lock import LockTaken, locked
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runs.files import read_file
from app.runs.record import fingerprint, record_fields, result_fields
from registry.record import is_better

ACTIVE = ("running", "evicted")
"""States of a run whose process should be there, unless a pool has it."""


@dataclass(frozen=True)
class Drift:
    """One disagreement.

    Attributes:
        run: the run's name, "" for the page itself.
        what: the disagreement in words.
        changes: what the record must become; nothing where only a person can tell.
    """

    run: str
    what: str
    changes: dict[str, Any] = field(default_factory=dict)


def find_drift(root: Path, runs: Path) -> list[Drift]:
    """Compare the registry in `root` with the run directories in `runs`; nothing is written."""
    contents = registry.read_all(root)
    known = {record.run: record for record in contents.records}
    found = [Drift("", f"{path}: {line}") for path, line in sorted(contents.damaged.items())]
    if (root / "runs").is_dir() and _page(root) != registry.render(contents):
        found.append(Drift("", "README.md is not what the records and notes say"))
    for record in contents.records:
        found += _of_record(record, directory.of(record.run, runs))
    for path in sorted(runs.glob("*/job.json")):
        if path.parent.name not in known:
            found += _unregistered(directory.of(path.parent.name, runs))
    return found


def _page(root: Path) -> str:
    try:
        return (root / "README.md").read_text(encoding="utf-8")
    except OSError:
        return ""


def _of_record(record: registry.Record, run: RunDirectory) -> Iterator[Drift]:
    """A record without a directory is one of another machine, unless it says that it is running here."""
    if record.state in ACTIVE and record.job_id is None and not _is_held(run):
        yield Drift(record.run, f"{record.state} in the registry, but no process works on it", _ended(run))
    elif record.state == "done" and run.job.exists():
        yield from _of_finished(record, run)


def _of_finished(record: registry.Record, run: RunDirectory) -> Iterator[Drift]:
    results = _read(run.metrics)
    if not results:
        yield Drift(record.run, "done in the registry, but metrics.json is missing or damaged")
        return
    told = {name: found["model"].get(found["metric"]) for name, found in results.items()}
    leading = record.task or next(iter(told))
    if leading in told and not _same(record.value, told[leading]):
        what = f"{record.metric} is {record.value} in the registry and {told[leading]} in metrics.json"
        yield Drift(record.run, what, _finished(run))


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None or one != one or other != other:
        return True  # a value that is not finite is recorded as none
    return not is_better(one, other, "lower") and not is_better(other, one, "lower")


def _unregistered(run: RunDirectory) -> Iterator[Drift]:
    if _is_held(run):
        return
    try:
        job = parse(_read(run.job))
    except UserError:
        yield Drift(run.name, "a run directory with a job.json that is none (any more), and no record")
        return
    try:
        changes = {**record_fields(job), **_made(job, run), **_ended(run)}
    except (UserError, KeyError) as error:
        yield Drift(run.name, f"a run directory of another version ({error}), and no record")
        return
    yield Drift(run.name, f"{changes['state']} in its directory, but not in the registry", changes)


def _is_held(run: RunDirectory) -> bool:
    """Whether a living process works on the run, or on a trial of the search that it is."""
    trials = sorted(run.path.glob("search/**/*.lease"))
    return run.path.is_dir() and any(map(_is_taken, [run.lock, *trials]))


def _is_taken(lock: Path) -> bool:
    try:
        with locked(lock, wait=0.0):
            return False
    except LockTaken:
        return True


def _ended(run: RunDirectory) -> dict[str, Any]:
    """Return how a run ended whose process could not say it."""
    if run.metrics.exists() and _read(run.provenance).get("end"):
        return _finished(run)
    if any(run.checkpoints.glob("epoch_*")):
        return {"state": "interrupted", "reason": "its process ended without a word; resume with --resume"}
    return {"state": "failed", "reason": "its process ended without a word before the first checkpoint"}


def _made(job: Job, run: RunDirectory) -> dict[str, Any]:
    """Return how and from what a run was made."""
    provenance, model = _read(run.provenance), _read(run.model_config)
    facts = {
        name: provenance[name] for name in ("host", "device", "commit", "dirty") if provenance.get(name) is not None
    }
    if "start" in provenance:
        facts |= {"created": _time(provenance["start"]), "started": _time(provenance["start"])}
    if "dataset" in provenance:
        data = provenance["dataset"]
        facts |= {"dataset": data["description"], "simulated": data["simulated"]}
        facts["fingerprint"] = fingerprint(job, data["fingerprint"])
    facts |= {
        name: model[key] for name, key in (("parameters", "parameters"), ("model", "description")) if key in model
    }
    return {"config": str(run.job), **facts}


def _time(text: str) -> str:
    return text.replace("+00:00", "Z")


def _finished(run: RunDirectory) -> dict[str, Any]:
    """Return what a finished run's files say."""
    results, history = read_file(run.metrics), _read(run.history)
    description = _read(run.model_config).get("description", "")
    return {
        "state": "done",
        **result_fields(results, description),
        "metrics": history.get("test_final", {}),
        "best_epoch": history.get("best_epoch"),
        "training_time": history.get("training_time"),
        "epoch": len(history.get("train", [])) or None,
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def repair(root: Path, found: list[Drift]) -> list[str]:
    """Mend what can be mended, and return a line for each that was not."""
    left = [_mended(root, drift) for drift in found]
    registry.refresh(root)
    return [line for line in left if line]


def _mended(root: Path, drift: Drift) -> str:
    if not drift.changes:
        return f"{drift.run}: {drift.what}" if drift.run else "" if "README" in drift.what else drift.what
    try:
        if registry.find(root, drift.run) is None:
            registry.create(root, registry.Record(run=drift.run, **drift.changes))
        else:
            registry.update(root, drift.run, **drift.changes)
    except (UserError, WirechamberError) as error:
        return f"{drift.run}: {error}"
    return ""
