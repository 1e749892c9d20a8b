"""A workflow on this machine: checked as a whole, then its nodes as processes."""

import os
import shlex
import sys

from app.config.derived_jobs import with_members
from app.core.errors import Problem, UserError
from app.core.files import REPOSITORY, base, read_json, write_bytes, write_json
from app.core.system import cores, roots
from app.runs.existing import refuse_existing
from app.runtime.console import console
from app.workflows.plan import Plan
from jobs.connection import connect
from jobs.dag import Dag
from jobs.local import Runner
from jobs.pool import Unreachable

PLAN = "workflow.json"


def run_workflow(plan: Plan, resume: bool, workers: int) -> int:
    """Run the nodes that are not done yet and return the exit code: 0, or 1 where a node failed.

    Raises:
        UserError: the workflow or one of its runs exists, or differs from the one that is resumed.
        Interrupted: SIGTERM or Ctrl-C came; finished nodes are written down, the runs have their checkpoints.
    """
    refuse_known(plan, resume)
    write_files(plan)
    program, environment = (sys.executable, str(REPOSITORY / "app" / "__main__.py")), environment_of(workers)
    runner = Runner(plan.folder, program, environment, workers, report_change)
    os.chdir(base())
    failed = runner.run(plan.nodes)
    for node, code in failed.items():
        if code is None:
            report_change(node, "not begun, a node that it needs has failed")
    done = len(plan.nodes) - len(failed)
    console.print(f"{plan.name}: {done} of {len(plan.nodes)} nodes done; logs: {plan.folder / 'logs'}")
    return 1 if failed else 0


def report_change(node: str, what: str) -> None:
    """Print what happened to a node."""
    console.print(f"{node}: {what}")


def show(plan: Plan) -> None:
    """Print the commands in an order in which they can be done."""
    for node in plan.nodes:
        after = f"  # after {', '.join(node.after)}" if node.after else ""
        console.print(f"{node.name}: wirechamber {shlex.join(node.arguments)}{after}")
    console.print("nothing was written")


def refuse_known(plan: Plan, resume: bool) -> None:
    """Raise UserError where the workflow or its runs exist, or, resumed, are others, or DAGMan works on it.

    Where no pool answers it cannot be known whether DAGMan still works on the workflow.
    """
    path, where = plan.folder / PLAN, (str(plan.folder),)
    if path.exists():
        if not resume:
            expected = "another name, or --resume to continue it"
            raise UserError(Problem("the workflow exists already", where, expected=expected, received=plan.name))
        content = read_json(path, "the file as it was written")
        if not isinstance(content.get("nodes"), dict):
            what = "cannot be read (it names no nodes)"
            raise UserError(Problem(what, (str(path),), expected="the file as it was written"))
        node = plan.first_difference(content["nodes"])
        if node:
            what, expected = "differs from the workflow that is resumed", "the same workflow, or another name"
            raise UserError(Problem(what, (*where, node), expected=expected))
    refuse_existing(with_members(plan.jobs), resume=resume)
    index = Dag(plan.folder).index
    if index is None:
        return
    try:
        queued = connect().queue([index.cluster])
    except Unreachable:
        return
    if queued:
        expected = f"until it has ended, or condor_rm {index.cluster}"
        raise UserError(Problem("a pool works on this workflow", (plan.name,), expected=expected))


def write_files(plan: Plan) -> None:
    """Write the resolved jobs and the plan."""
    (plan.folder / "jobs").mkdir(parents=True, exist_ok=True)
    for job in plan.jobs:
        write_bytes(plan.job_file(job), job.write_complete)
    write_json(plan.folder / PLAN, {"config": str(plan.config), "nodes": plan.content})


def environment_of(workers: int) -> dict[str, str]:
    """Return the environment of nodes that share this machine."""
    share = str(max(1, cores() // workers))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), share) if workers > 1 else {}
    return {**threads, **os.environ, **roots().environment, "PYTHONUNBUFFERED": "1"}
