"""`wirechamber submit`: the jobs of a file into an HTCondor pool."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from app.checks.jobs import load_checked_jobs
from app.commands._parser import add_logs, add_overrides, read_path
from app.config import Job
from app.config.job_file import is_workflow, read
from app.core import interruption
from app.core.files import REPOSITORY
from app.runs import directory
from app.runtime.console import console
from app.runtime.provenance import commit_of
from app.submission.memory import DEFAULT_MEMORY, advised_memory
from app.submission.submit import Batch, asked_memory, batches, prepare, refuse_known, request_of, send
from app.workflows import submit
from app.workflows.plan import plan_workflow
from jobs.connection import connect
from jobs.submission import Submission, submissions_root
from jobs.submit_description import description, script

UNKNOWN_VERSION = (0,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("config", type=read_path, metavar="FILE", help="a job, sweep or workflow file")
    add_overrides(parser)
    parser.add_argument("--resume", action="store_true", help="go on with runs that were begun")
    parser.add_argument("--dry-run", action="store_true", help="print the submit description, submit nothing")
    parser.add_argument("--no-estimate", action="store_true", help="do not build the models to estimate their memory")
    add_logs(parser)


def execute(options: argparse.Namespace) -> int:
    """Validate everything, then register and submit; with --dry-run print what would be submitted."""
    if is_workflow(read(options.config)):
        return submit_workflow(options)
    jobs = load_checked_jobs(options.config, options.overrides)
    refuse_known(jobs, options.resume)
    for job in jobs:
        if job.ensemble is not None:
            console.print(f"{job.name}: one process trains the members of the ensemble one after the other")
    memory = choose_memory(jobs, options.no_estimate)
    folder = options.logs or submissions_root(directory.runs_root())
    if options.dry_run:
        show_submissions(batches(jobs, memory), options.config.stem, folder)
        return 0
    pool = connect()
    groups = batches(jobs, memory)
    commit = commit_of(REPOSITORY)
    for group in groups:
        submission = prepare(group, options.config.stem, folder, pool.version)
        sent = send(group, submission, pool, options.config, commit)
        console.print(f"cluster {sent.cluster}: {describe_runs(sent.runs)}")
        console.print(f"logs: {sent.submission.path}")
        interruption.check()
    console.print("follow them with: wirechamber status")
    return 0


def submit_workflow(options: argparse.Namespace) -> int:
    """Submit the nodes of a workflow file; with --dry-run print them."""
    plan = plan_workflow(options.config, options.overrides, options.parse, logs=options.logs)
    submit.refuse(plan, options.resume)
    asked = choose_memory([training.stand_in for training in plan.trainings.values()], options.no_estimate)
    memory = submit.memory_of(plan, asked)
    if options.dry_run:
        submit.show(plan, memory)
        return 0
    sent = submit.send(plan, memory, connect())
    again = ", those that are not done yet" if sent.rescued else ""
    console.print(f"cluster {sent.cluster}: {len(plan.nodes)} nodes of {plan.name}{again}")
    console.print(f"logs: {sent.dag.folder}")
    console.print("follow them with: wirechamber status")
    return 0


def choose_memory(jobs: Sequence[Job], no_estimate: bool) -> dict[str, int]:
    """Return the MiB to ask for by job: what the job asks for itself, else an estimate.

    Jobs that differ in nothing that takes memory are estimated once.
    """
    advised: dict[str, int] = {}
    if not no_estimate:
        console.print("estimating the memory that the jobs need ...")
        advised = advised_memory(jobs)
    for job in jobs:
        asked = asked_memory(job)
        if asked is not None and asked < advised.get(job.name, 0):
            console.print(
                f"{job.name} asks for {asked} MB; about {advised[job.name]} MB are advised (wirechamber estimate)",
                style="yellow",
            )
    return {job.name: asked_memory(job) or advised.get(job.name, DEFAULT_MEMORY) for job in jobs}


def show_submissions(groups: Sequence[Batch], stem: str, folder: Path) -> None:
    """Print the submit description and the script of each cluster."""
    for group in groups:
        request, submission = request_of(group, UNKNOWN_VERSION), Submission(folder.resolve() / f"{stem}-TIME")
        for path, write in ((submission.description, description), (submission.script, script)):
            console.print(f"# {path}", style="bold")
            console.print(write(submission, request))
    console.print("nothing was submitted or written")


def describe_runs(runs: Sequence[str]) -> str:
    """Return the names of at most three runs and how many processes they have: 'a, b' or '9 runs (a, b, c, ...)'."""
    names = list(dict.fromkeys(runs))
    text = ", ".join(names[:3])
    if len(names) > 3:
        text = f"{len(names)} runs ({text}, ...)"
    return text if len(names) == len(runs) else f"{text}, {len(runs)} processes"
