"""`wirechamber validate`: every mistake of every file at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from app.checks.jobs import check_jobs
from app.commands._parser import add_overrides
from app.config import Job
from app.config.derived_jobs import with_members
from app.config.job_file import is_workflow, load, read, refuse_equal_names
from app.core.errors import Problem, UserError
from app.runtime.console import console
from app.workflows.plan import plan_workflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    add_overrides(parser)


def execute(options: argparse.Namespace) -> int:
    """Say of each file how many jobs it holds; raises UserError with the mistakes of all files together."""
    jobs, mistakes = [], list[Problem]()
    for path in options.files:
        try:
            found, words = _jobs(path, options)
        except UserError as error:
            mistakes += error.problems
        else:
            console.print(f"{path}: {words}, valid")
            jobs += found
    if mistakes:
        raise UserError(*mistakes)
    refuse_equal_names(with_members(jobs))
    return 0


def _jobs(path: Path, options: argparse.Namespace) -> tuple[list[Job], str]:
    """Return the jobs of a file, checked, and what the file holds in words."""
    if is_workflow(read(path)):
        plan = plan_workflow(path, options.overrides, options.parse)
        return plan.jobs, f"a workflow of {len(plan.nodes)} nodes, {_counted(plan.jobs)}"
    found = load(path, options.overrides)
    check_jobs(with_members(found))
    return found, _counted(found)


def _counted(jobs: Sequence[Job]) -> str:
    return f"{len(jobs)} job{'s' * (len(jobs) != 1)}"
