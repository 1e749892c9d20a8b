"""`wirechamber status`: the state of submitted runs; the registry is brought up to date."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import registry
from app.commands._data import print_data, wants_data
from app.commands._parser import add_formats, add_logs
from app.core.files import NotWritten
from app.core.lock import LockTaken
from app.runs import directory
from app.runtime.console import console, table
from app.submission.status import describe_hold, follow_registry, gather, one_for_each_run, state_of
from app.workflows.status import WorkflowState, gather_workflows, show_workflow
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
    add_formats(parser)


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
    if not wants_data(options):
        for workflow in workflows:
            show_workflow(workflow, options.all)
    if jobs:
        try:
            follow_registry(jobs, pool is not None)
        except (LockTaken, NotWritten) as error:  # e.g. another user's
            console.print(f"the registry is not brought up to date: {error}", style="yellow")
    if wants_data(options):
        print_data(options, list(as_rows(jobs, workflows)))
    elif jobs:
        show_jobs(f"jobs in {folder}", jobs, options.all)
    elif not workflows:
        console.print(f"nothing was submitted from here ({folder})")
    return 0


def as_rows(jobs: Sequence[JobState], workflows: Sequence[WorkflowState]) -> Iterator[dict[str, Any]]:
    """Yield the facts of each job, then of each node of the workflows, for a script."""
    for job in jobs:
        record = registry.find_or_warn(registry.root(), job.run)
        epochs = {"epoch": record and record.epoch, "epochs": record and record.epochs}
        yield {"run": job.run, "state": _state(job, record), **pool_facts(job), **epochs}
    for workflow in workflows:
        for node, job_of_node in workflow.nodes.items():
            facts = {} if job_of_node is None else pool_facts(job_of_node)
            yield {"workflow": workflow.dag.name, "node": node, "state": workflow.phase(node), **facts}


def pool_facts(job: JobState) -> dict[str, Any]:
    """Return what the pool and its log know of a job; memory in MiB."""
    facts: dict[str, Any] = {"job": job.number, "memory_given": job.given}
    if job.history is not None:
        known = job.history
        facts |= {"since": known.since.isoformat(), "starts": known.starts, "evictions": known.evictions}
        facts |= {"memory_used": known.memory, "remark": describe_hold(job) if job.explanation else ""}
    return facts


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
