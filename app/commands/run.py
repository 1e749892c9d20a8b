"""`wirechamber run`: a job, every job of a sweep, or a workflow."""

import argparse
from collections.abc import Callable
from typing import Any

from app.checks.jobs import load_checked_jobs
from app.commands._parser import ONE_FILE, add_overrides, read_path, whole_number
from app.commands._results import show_run
from app.commands._sweep import show_sweep
from app.config import Job
from app.config.derived_jobs import with_members
from app.config.job_file import is_workflow, read
from app.core import interruption
from app.core.errors import Problem, UserError, WirechamberError
from app.execution.origin import Origin
from app.execution.progress import show_progress
from app.execution.session import Options
from app.execution.single import train_job
from app.runs.directory import RunDirectory
from app.runs.existing import refuse_existing
from app.runtime.console import console
from app.training.checkpoint import Progress
from app.workflows import local
from app.workflows.plan import plan_workflow


class _File(argparse.Action):
    """The file of a job, named with or without --config."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        """Take it, in either place; two files are a mistake."""
        if values is not None and namespace.config is not None:
            parser.error(ONE_FILE)
        namespace.config = values or namespace.config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    file: dict[str, Any] = {"type": read_path, "metavar": "FILE", "help": "a job, sweep or workflow file"}
    parser.add_argument("file", nargs="?", action=_File, **file)
    parser.add_argument("--config", action=_File, **{**file, "help": "the same"})
    add_overrides(parser)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument(
        "--resume",
        action="store_true",
        help="continue a run from its last checkpoint (written as often as 5 %% of the time allows), or begin it",
    )
    kept.add_argument("--overwrite", action="store_true", help="replace a run of the same name")
    parser.add_argument("--dry-run", action="store_true", help="build everything on a few events, write nothing")
    count = whole_number(1)
    parser.add_argument("--workers", type=count, metavar="N", help="of a workflow: at most N nodes at once (1)")
    parser.add_argument("--limit", type=count, metavar="N", help="at most N events in each split: a quick test run")
    parser.add_argument("--deterministic", action="store_true", help="bitwise reproducible; may be slower")


def execute(options: argparse.Namespace) -> int:
    """Validate all jobs, then run them one after the other; of a workflow, its nodes."""
    if options.config is None:
        raise UserError(Problem("no file is named", ("run",), expected="a job, sweep or workflow file"))
    if is_workflow(read(options.config)):
        return run_workflow_file(options)
    if options.workers:
        expected = "a workflow; jobs run one after the other"
        raise UserError(Problem("not a workflow", ("--workers",), expected=expected, received=str(options.config)))
    jobs = load_checked_jobs(options.config, options.overrides)
    if options.dry_run:
        from app.execution.dry_run import dry_run

        for job in jobs:
            dry_run(job, Origin.of(options.config), options.limit)
        return 0
    chosen = (options.resume, options.overwrite, options.deterministic, options.limit)
    settings = Options(options.config, *chosen, origin=Origin.of(options.config))
    refuse_existing(with_members(jobs), resume=options.resume, overwrite=options.overwrite)  # not after hours
    with interruption.orderly():  # a run that has ended when the signal comes is shown, the next one does not begin
        code = max(run_and_show(job, settings, alone=len(jobs) == 1) for job in jobs)
    if len(jobs) > 1:
        show_sweep(jobs)
    return code


def run_workflow_file(options: argparse.Namespace) -> int:
    """Run the nodes of a workflow on this machine; with --dry-run print them."""
    if options.overwrite:
        raise UserError(Problem("a workflow is not replaced", ("--overwrite",), expected="another name, or --resume"))
    extra = ["--deterministic"] if options.deterministic else []
    extra += ["--limit", str(options.limit)] if options.limit else []
    plan = plan_workflow(options.config, options.overrides, options.parse, extra)
    if options.dry_run:
        local.show(plan)
        return 0
    return local.run_workflow(plan, options.resume, options.workers or 1)


def run_and_show(job: Job, settings: Options, alone: bool) -> int:
    """Run one job and print its results; the failure of one job of a sweep does not stop the others."""
    try:
        with show_progress(job) as report:
            run = run_job(job, settings, report)
    except WirechamberError as error:
        if alone:
            raise
        console.print(f"{job.name}: {error}", style="bold red")
        return error.exit_code
    if run.metrics.exists():  # another worker of a search may write them later
        show_run(run)
    return 0


def run_job(job: Job, options: Options, progress: Callable[[Progress], None] = lambda _: None) -> RunDirectory:
    """Run what a job asks for: a single training, a search, or an ensemble; raises what `session` raises."""
    if job.hyperopt is not None:
        from app.search.runner import run_search

        return run_search(job, options)
    if job.ensemble is not None:
        from app.execution.ensemble import train_ensemble

        return train_ensemble(job, options, progress)
    return train_job(job, options, progress)
