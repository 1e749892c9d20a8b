"""The state of the runs in the pool; the registry follows it."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import registry
from app.core.errors import WirechamberError
from app.runs import directory
from jobs.job_state import JobState, by_id, states
from jobs.pool import Pool
from jobs.submission import find_submissions, newest_of
from registry import Record, State

KEPT = ("run", "created", "config", "job_id", "resources", "rationale")
"""Fields of the registry here that the record from the worker does not replace."""
FINAL = ("done", "failed")
AT_WORK = ("running", "idle", "held", "completed", "failed")
"""The order in which the workers of a search count: while one works, the search goes on."""
TO_FIX = ("held", "running", "idle", "completed", "failed")
"""The order in which they count when the run is to be fixed."""


def gather(folder: Path, pool: Pool | None) -> list[JobState]:
    """Return the state of every process of the last submission of each run, from the pool and from the event logs."""
    submissions = find_submissions(folder)
    newest = newest_of(submissions)
    clusters = sorted({index.cluster for _, index, _ in newest.values()})
    ads = None if pool is None else by_id([*pool.history(clusters), *pool.queue(clusters)])
    pairs = [(submission, job) for submission, index in submissions for job in states(submission, index, ads)]
    last = [job for submission, job in pairs if newest[job.run][0].path == submission.path]
    return sorted(last, key=lambda job: list(newest).index(job.run))


def one_for_each_run(jobs: Sequence[JobState], order: Sequence[str] = AT_WORK) -> list[JobState]:
    """Return one process of each run: of the workers of a search the one that shows the state of the search."""
    first: dict[str, JobState] = {}
    for job in sorted(jobs, key=lambda job: order.index(_phase(job))):
        first.setdefault(job.run, job)
    return [first[run] for run in dict.fromkeys(job.run for job in jobs)]


def _phase(job: JobState) -> str:
    if job.history is None or job.failed:
        return "failed"
    return job.history.phase


def follow_registry(jobs: Sequence[JobState], asked: bool) -> list[Record]:
    """Bring the records of runs up to what the pool says; return those that changed.

    Args:
        jobs: what is known of the runs.
        asked: whether a pool was asked; only then a job that it does not know is lost.
    """
    root, workers = registry.root(), Counter(job.run for job in jobs)
    news = []
    for job in one_for_each_run(jobs):
        try:
            record = registry.find(root, job.run)
        except WirechamberError:  # damaged: the registry itself reports it
            continue
        changes = {} if record is None else changes_of(job, record, asked, several=workers[job.run] > 1)
        if record is not None and changes:
            news.append((record, changes))
    return registry.follow(root, news) if news else []


def changes_of(job: JobState, record: Record, asked: bool, several: bool) -> dict[str, Any]:
    """Return what changes in the record of a run, of which `several` processes may be at work."""
    carried = carried_record(job, record)
    if carried:
        return carried
    known = record.state
    if several and known in ("interrupted", "failed") and _phase(job) == "running":
        known = "running"  # written by a worker that was stopped; the others go on
    state, reason = state_of(job, known, asked)
    changes: dict[str, Any] = {} if record.job_id == job.number else {"job_id": job.number}
    if state != record.state or (state == "held" and reason != record.reason):
        changes |= {"state": state, "reason": reason}
    return changes


def state_of(job: JobState, known: State, asked: bool = True) -> tuple[State, str]:
    """Return the state of a run in the registry and the reason for it; `known` is the recorded one."""
    history = job.history
    if history is None:
        return ("failed", job.ending) if asked and known not in FINAL else (known, "")
    if history.phase == "held":
        return "held", describe_hold(job)
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


def describe_hold(job: JobState) -> str:
    """Return why a job is held."""
    history, explanation = job.history, job.explanation
    if history is None or explanation is None or history.hold is None:
        return "held"
    figures = f" ({history.memory} MB of {job.given} MB)" if explanation.memory and history.memory else ""
    return f"{explanation.reason}{figures}: {history.hold[2]}".rstrip(": ")


def carried_record(job: JobState, record: Record) -> dict[str, Any]:
    """Return what a run wrote on a worker that does not see this registry, once HTCondor has carried it back."""
    path = directory.of(job.run).path / "registry" / "runs" / f"{job.run}.json"
    if record.state in FINAL or job.history is None or job.history.phase != "completed" or not path.exists():
        return {}
    try:
        content = Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError):
        return {}
    return {name: value for name, value in dict(content).items() if name not in KEPT}
