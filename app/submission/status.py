"""What became of the runs in the pool, and the registry brought up to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import registry
from app.core.errors import WirechamberError
from app.runs import directory
from jobs import submission
from jobs.job_state import JobState, by_id, states
from jobs.pool import Pool
from registry import Record, State

BROUGHT_HOME = ("run", "created", "config", "job_id", "resources", "rationale")
"""What the registry here knows better than the record that a run wrote on its worker."""
FINAL = ("done", "failed")
AT_WORK = ("running", "idle", "held", "completed", "failed")
"""Which of several workers counts: while one works, the search goes on."""
TO_MEND = ("held", "running", "idle", "completed", "failed")
"""Which counts when it is to be mended."""


def gather(folder: Path, pool: Pool | None) -> list[JobState]:
    """Return the state of every process of the last submission of each run, from the pool and from the event logs."""
    submissions = submission.find_all(folder)
    newest = submission.newest_of(submissions)
    clusters = sorted({index.cluster for _, index, _ in newest.values()})
    ads = None if pool is None else by_id([*pool.history(clusters), *pool.queue(clusters)])
    every = [(one, job) for one, index in submissions for job in states(one, index, ads)]
    last = [job for one, job in every if newest[job.run][0].path == one.path]
    place = {run: number for number, run in enumerate(newest)}
    return sorted(last, key=lambda job: place[job.run])


def foremost(jobs: Sequence[JobState], order: Sequence[str] = AT_WORK) -> list[JobState]:
    """Return one process of each run: of the workers of a search the one that says where the search stands."""
    found: dict[str, JobState] = {}
    for job in sorted(jobs, key=lambda job: order.index(_standing(job))):
        found.setdefault(job.run, job)
    return [found[run] for run in dict.fromkeys(job.run for job in jobs)]


def _standing(job: JobState) -> str:
    if job.history is None or job.failed:
        return "failed"
    return job.history.phase


def follow_registry(jobs: Sequence[JobState], asked: bool) -> list[Record]:
    """Bring the records of runs up to what the pool says; return those that changed.

    Args:
        jobs: what is known of the runs.
        asked: whether a pool was asked, so that a job that nobody knows is lost and not merely out of sight.
    """
    root, workers = registry.root(), Counter(job.run for job in jobs)
    news = []
    for job in foremost(jobs):
        record = _record(root, job.run)
        several = workers[job.run] > 1
        changes = {} if record is None else _changes(job, record, asked, several)
        if record is not None and changes:
            news.append((record, changes))
    return registry.follow(root, news) if news else []


def _record(root: Path, run: str) -> Record | None:
    try:
        return registry.find(root, run)
    except WirechamberError:  # damaged: the registry itself says so
        return None


def _changes(job: JobState, record: Record, asked: bool, several: bool) -> dict[str, Any]:
    home = _brought_home(job, record)
    if home:
        return home
    known = record.state
    if several and known in ("interrupted", "failed") and _standing(job) == "running":
        known = "running"  # said by a worker that was stopped; the others go on
    state, reason = state_of(job, known, asked)
    changes: dict[str, Any] = {} if record.job_id == job.number else {"job_id": job.number}
    if state != record.state or (state == "held" and reason != record.reason):
        changes |= {"state": state, "reason": reason}
    return changes


def state_of(job: JobState, known: State, asked: bool = True) -> tuple[State, str]:
    """Return the state of a run in the registry and the reason for it; `known` is what stands there."""
    history = job.history
    if history is None:
        return ("failed", job.ending) if asked and known not in FINAL else (known, "")
    if history.phase == "held":
        return "held", held_in_words(job)
    if known in FINAL and history.phase != "idle":
        return known, ""
    if history.phase == "running":
        return ("interrupted" if known == "interrupted" else "running"), ""
    if history.phase == "idle":
        return ("resubmitted" if known == "resubmitted" else "evicted" if history.starts else "idle"), ""
    if job.failed:
        return "failed", job.ending
    finished = directory.of(job.run).metrics.exists()
    return ("done", "") if finished else ("failed", "ended with exit code 0 and left no result")


def held_in_words(job: JobState) -> str:
    """Say why a job is held."""
    history, explanation = job.history, job.explanation
    if history is None or explanation is None or history.hold is None:
        return "held"
    figures = f" ({history.memory} MB of {job.given} MB)" if explanation.memory and history.memory else ""
    return f"{explanation.words}{figures}: {history.hold[2]}".rstrip(": ")


def _brought_home(job: JobState, record: Record) -> dict[str, Any]:
    """Return what a run wrote on a worker that does not see this registry, once HTCondor has carried it here."""
    path = directory.of(job.run).path / "registry" / "runs" / f"{job.run}.json"
    if record.state in FINAL or job.history is None or job.history.phase != "completed" or not path.exists():
        return {}
    try:
        content = Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError):
        return {}
    return {name: value for name, value in dict(content).items() if name not in BROUGHT_HOME}
