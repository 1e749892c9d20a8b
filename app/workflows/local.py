"""A workflow on this machine: validated whole, then its nodes as processes."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import registry
from app.config import Job
from app.config.derived_jobs import with_members
from app.core.errors import Problem, UserError
from app.core.files import REPOSITORY, write_json
from app.data.loading import data_root
from app.execution.session import refuse_existing
from app.runs import directory
from app.runs.resume import check_same_job
from app.runtime.console import console
from app.workflows.plan import Plan, content_of, difference
from jobs.connection import reach
from jobs.dag import Dag
from jobs.local import Runner
from jobs.pool import Unreachable

PLAN = "workflow.json"


def run_workflow(plan: Plan, resume: bool, workers: int) -> int:
    """Run what is not done yet and return the exit code: 0, or 1 where a node failed.

    Raises:
        UserError: the workflow or one of its runs exists, or is another one than that which is resumed.
        Interrupted: SIGTERM or Ctrl-C came; finished nodes are remembered, the runs have their checkpoints.
    """
    refuse_known(plan, resume)
    refuse_in_the_pool(plan)
    write_files(plan)
    program, environment = (sys.executable, "-m", "app"), environment_of(workers)
    runner = Runner(plan.folder, program, environment, workers, report_change)
    os.chdir(REPOSITORY)
    failed = runner.run(plan.nodes)
    for node, code in failed.items():
        if code is None:
            console.print(f"{node}: not begun, what it needs has failed", markup=False)
    done = len(plan.nodes) - len(failed)
    console.print(f"{plan.name}: {done} of {len(plan.nodes)} nodes done; logs: {plan.folder / 'logs'}", markup=False)
    return 1 if failed else 0


def report_change(node: str, what: str) -> None:
    """Print what became of a node."""
    console.print(f"{node}: {what}", markup=False)


def show(plan: Plan) -> None:
    """Print the commands in an order in which they can be done."""
    for node in plan.nodes:
        after = f"  # after {', '.join(node.after)}" if node.after else ""
        console.print(f"{node.name}: wirechamber {shlex.join(node.words)}{after}", markup=False)
    console.print("nothing was written")


def refuse_known(plan: Plan, resume: bool) -> None:
    """Raise UserError where the workflow or its runs exist, or, resumed, are others."""
    known = _remembered(plan.folder / PLAN)
    if known is not None and not resume:
        expected = "another name, or --resume to go on with it"
        raise UserError(
            Problem("the workflow exists already", (str(plan.folder),), expected=expected, received=plan.name)
        )
    node = known and difference(known, plan)
    if node:
        expected = "the same workflow, or another name"
        raise UserError(
            Problem("differs from the workflow that is resumed", (str(plan.folder), node), expected=expected)
        )
    mistakes = list[Problem]()
    for job in with_members(plan.jobs):
        try:
            _refuse(job, resume)
        except UserError as error:
            mistakes += error.problems
    if mistakes:
        raise UserError(*mistakes)


def _remembered(path: Path) -> Mapping[str, Any] | None:
    try:
        return dict(json.loads(path.read_text())["nodes"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            Problem(f"cannot be read ({error})", (str(path),), expected="the file as it was written")
        ) from None


def _refuse(job: Job, resume: bool) -> None:
    run = directory.of(job.name)
    refuse_existing(run, resume, overwrite=False)
    if run.exists:
        check_same_job(job, run)


def refuse_in_the_pool(plan: Plan) -> None:
    """Raise UserError while DAGMan works on this workflow; where no pool answers nobody can tell."""
    index = Dag(plan.folder).index
    if index is None:
        return
    try:
        queued = reach().queue([index.cluster])
    except Unreachable:
        return
    if queued:
        expected = f"until it has ended, or condor_rm {index.cluster}"
        raise UserError(Problem("a pool works on this workflow", (plan.name,), expected=expected))


def write_files(plan: Plan) -> None:
    """Write the resolved jobs and the plan."""
    (plan.folder / "jobs").mkdir(parents=True, exist_ok=True)
    for job in plan.jobs:
        write_json(plan.job_file(job), job.dump())
    write_json(plan.folder / PLAN, {"config": str(plan.config), "nodes": content_of(plan)})


def environment_of(workers: int) -> dict[str, str]:
    """Return the environment of nodes that share this machine."""
    share = str(max(1, (os.cpu_count() or 1) // workers))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), share) if workers > 1 else {}
    roots = {
        "WIRECHAMBER_RUNS": str(directory.runs_root().resolve()),
        "WIRECHAMBER_REGISTRY": str(registry.root().resolve()),
        "WIRECHAMBER_DATA": str(data_root().resolve()),
        "PYTHONUNBUFFERED": "1",
    }
    return {**threads, **os.environ, **roots}
