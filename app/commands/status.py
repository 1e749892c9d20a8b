"""`wirechamber status`: the state of submitted runs; the registry is brought up to date."""

import argparse
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import registry
from app.commands._parser import add_logs
from app.core.files import NotWritten
from app.core.lock import LockTaken
from app.runs import directory
from app.runtime.console import console, table
from app.submission.status import describe_hold, follow_registry, gather, one_for_each_run, state_of
from app.workflows.status import gather_workflows, show_workflow
from jobs.connection import connect
from jobs.job_state import JobState
from jobs.pool import Unreachable
from jobs.submission import submissions_root
from registry import Record
from registry.cells import duration

HEADER = ("run", "job", "state", "since", "starts", "evictions", "epoch", "MB used", "MB given", "remark")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("--all", action="store_true", help="those that are done as well")
    add_logs(parser)


def execute(options: argparse.Namespace) -> int:
    """Ask the pool, read the event logs, update the registry from both, and print it all."""
    folder = options.logs or submissions_root(directory.runs_root())
    try:
        pool = connect()
    except Unreachable as error:
        console.print(f"{error} What follows comes from the event logs alone.", style="yellow")
        pool = None
    registry.settle(registry.root())
    jobs = gather(folder, pool)
    workflows = gather_workflows(options.logs, pool)
    for workflow in workflows:
        show_workflow(workflow, options.all)
    if jobs:
        try:
            follow_registry(jobs, pool is not None)
        except (LockTaken, NotWritten) as error:  # e.g. another user's
            console.print(f"the registry is not brought up to date: {error}", style="yellow")
        show_jobs(f"jobs in {folder}", jobs, options.all)
    elif not workflows:
        console.print(f"nothing was submitted from here ({folder})")
    return 0


def show_jobs(title: str, jobs: Sequence[JobState], with_done: bool) -> None:
    """Print a table of the jobs, how to fix those that are held or have failed, and how many runs are in each state."""
    root = registry.root()
    records = {run: registry.find_or_warn(root, run) for run in dict.fromkeys(job.run for job in jobs)}
    states = {job.id: _state(job, records[job.run]) for job in jobs}
    rows = [table_row(job, states[job.id], records[job.run]) for job in jobs if with_done or states[job.id] != "done"]
    if rows:
        table(title, HEADER, rows, numbers_from=4)
    counted = one_for_each_run(jobs)
    for job in jobs:
        record = records[job.run]
        if job.explanation is not None:
            console.print(f"{job.run} is held: {describe_hold(job)}")
            console.print(f"  fix: {job.explanation.remedy(job.run)}")
        elif job in counted and job.failed and states[job.id] == "failed":
            console.print(f"{job.run} has failed: {(record and record.reason) or job.ending}")
            console.print(f"  fix: wirechamber resubmit {job.run}")
    numbers = Counter(states[job.id] for job in counted)
    console.print(", ".join(f"{number} {state}" for state, number in numbers.items()))


def _state(job: JobState, record: Record | None) -> str:
    return record.state if record is not None else state_of(job, "queued")[0]


def table_row(job: JobState, state: str, record: Record | None) -> Sequence[str]:
    """Return the cells of a job below HEADER."""
    history, remark = job.history, ""
    epoch = "" if record is None or record.epoch is None else f"{record.epoch}/{record.epochs}"
    if history is None:
        return (job.run, job.number, state, "", "", "", epoch, "", str(job.given), "")
    if job.failed and state != "failed":
        remark = f"this worker: {job.ending}"
    elif job.explanation is not None:
        remark = job.explanation.reason
    elif history.phase == "running" and history.evictions:
        remark = "evicted and resumed"
    since = duration(max(0.0, round((datetime.now(UTC) - history.since).total_seconds())))
    counts = (str(history.starts), str(history.evictions))
    return (job.run, job.number, state, since, *counts, epoch, str(history.memory or ""), str(job.given), remark)
