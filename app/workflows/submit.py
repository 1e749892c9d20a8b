"""A workflow in a pool: one DAG, each node a job of its own."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import registry
from app.core.errors import Problem, UserError
from app.core.files import REPOSITORY, write_text
from app.runs import directory
from app.runtime.console import console
from app.runtime.provenance import commit_of
from app.submission.submit import Batch, register, request
from app.workflows.local import refuse_in_the_pool, refuse_known, write_files
from app.workflows.plan import Plan
from jobs.dag import Dag, DagIndex, text
from jobs.event_log import read
from jobs.nodes import Node
from jobs.pool import Pool
from jobs.resources import megabytes
from jobs.submit_description import Request, description, script, write

UNKNOWN_VERSION = (0,)
DEFAULT_MEMORY = 2048
"""MiB of a node that trains nothing and does not say how much it needs."""


@dataclass(frozen=True)
class Sent:
    """A workflow in the pool: DAGMan's cluster, and whether it goes on from a rescue file."""

    dag: Dag
    cluster: int
    rescued: bool


def memory_of(plan: Plan, jobs: Mapping[str, int]) -> dict[str, int]:
    """Return the MiB of each node, given those of the runs."""
    return {node.name: _memory(plan, node, jobs) for node in plan.nodes}


def _memory(plan: Plan, node: Node, jobs: Mapping[str, int]) -> int:
    if node.name in plan.trainings:
        return jobs[plan.trainings[node.name].job.name]
    asked = plan.resources[node.name].request_memory
    return megabytes(asked) if asked else DEFAULT_MEMORY


def refuse(plan: Plan, resume: bool) -> None:
    """Raise UserError where the workflow or its runs exist, are others, or are in the pool or registered elsewhere."""
    refuse_known(plan, resume)
    refuse_in_the_pool(plan)
    mistakes = list[Problem]()
    for job in plan.jobs:
        record = registry.find(registry.root(), job.name)
        if record is not None and not (resume and _ours(plan, record.config)):
            where = (str(registry.root() / "runs" / f"{job.name}.json"),)
            expected = "another name" if resume else "another name, or --resume to go on with the workflow"
            mistakes.append(
                Problem("a run of this name is registered already", where, expected=expected, received=job.name)
            )
    if mistakes:
        raise UserError(*mistakes)


def _ours(plan: Plan, config: str | None) -> bool:
    """Whether a run was begun by this workflow, in a pool or on this machine."""
    return config == str(plan.config) or str(config).startswith(str(plan.folder))


def show(plan: Plan, memory: Mapping[str, int]) -> None:
    """Print the DAG, and the submit description and the script of each node."""
    dag = Dag(plan.folder)
    console.print(f"# {dag.path}", style="bold", markup=False)
    console.print(text(dag, plan.nodes), markup=False)
    for node in plan.nodes:
        made, wanted = dag.node(node.name), _request(plan, node, memory, UNKNOWN_VERSION)
        for path, content in ((made.description, description(made, wanted)), (made.script, script(made, wanted))):
            console.print(f"# {path}", style="bold", markup=False)
            console.print(content, markup=False)
    console.print("nothing was submitted or written")


def send(plan: Plan, memory: Mapping[str, int], pool: Pool) -> Sent:
    """Register the runs that are to come and submit the DAG; where the pool says no, everything is as it was."""
    dag, new = Dag(plan.folder), not plan.folder.exists()
    done = [node.name for node in plan.nodes if _succeeded(dag, node)]
    if len(done) == len(plan.nodes):
        raise UserError(Problem("every node is done already", (plan.name,), expected="another name, or nothing to do"))
    rescued = bool(done) or any(dag.folder.glob(f"{dag.path.name}.rescue*"))
    try:
        _write(dag, plan, memory, pool.version, done)
        with _registered(plan, [name for name in plan.trainings if name not in done], memory):
            cluster = pool.submit_dag(dag.path)
    except BaseException:
        if new:
            shutil.rmtree(plan.folder, ignore_errors=True)
        raise
    runs = {name: training.job.name for name, training in plan.trainings.items()}
    dag.submitted(DagIndex(cluster=cluster, config=str(plan.config), memory=dict(memory), runs=runs))
    return Sent(dag, cluster, rescued)


def _write(dag: Dag, plan: Plan, memory: Mapping[str, int], version: tuple[int, ...], done: Sequence[str]) -> None:
    try:
        write_files(plan)
        for node in plan.nodes:
            write(dag.make(node.name), _request(plan, node, memory, version))
        write_text(dag.path, text(dag, plan.nodes, done))
    except OSError as error:
        what = f"the logs cannot be written ({error.strerror or error})"
        raise UserError(Problem(what, (str(plan.folder),), expected="a writable folder: --logs DIR")) from None


def _request(plan: Plan, node: Node, memory: Mapping[str, int], version: tuple[int, ...]) -> Request:
    asked = {node.name: memory[node.name]}
    return request(plan.resources[node.name], asked, plan.jobs, version, node.words)


def _succeeded(dag: Dag, node: Node) -> bool:
    history = read(dag.node(node.name).events).get(0)
    there = node.output is None or node.output.exists()
    return history is not None and history.phase == "completed" and history.exit_code == 0 and there


@contextlib.contextmanager
def _registered(plan: Plan, nodes: Sequence[str], memory: Mapping[str, int]) -> Iterator[None]:
    root, commit = registry.root(), commit_of(REPOSITORY)
    jobs = {plan.trainings[name].job.name: (plan.trainings[name].job, memory[name]) for name in nodes}
    before = {run: registry.find(root, run) for run in jobs}
    directory.runs_root().mkdir(parents=True, exist_ok=True)
    batch = Batch(tuple(job for job, _ in jobs.values()), {run: asked for run, (_, asked) in jobs.items()})
    try:
        register(batch, before, plan.config, commit, "queued")
        yield
    except BaseException:
        registry.restore(root, before)
        raise
