"""A workflow in a pool: one DAG, each node a job of its own."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

import registry
from app.core import interruption
from app.core.errors import Problem, UserError
from app.core.files import REPOSITORY, write_text
from app.runs import directory
from app.runs.existing import refuse_registered
from app.runtime.console import console
from app.runtime.provenance import commit_of
from app.submission.memory import DEFAULT_MEMORY
from app.submission.submit import GRACE, Batch, register, request
from app.workflows.local import refuse_known, write_files
from app.workflows.plan import Plan
from jobs.dag import Dag, DagIndex, dag_text
from jobs.event_log import read
from jobs.nodes import Node
from jobs.pool import Pool
from jobs.resources import megabytes
from jobs.submit_description import Request, description, script, write


@dataclass(frozen=True)
class Sent:
    """A workflow in the pool: DAGMan's cluster, and whether it continues from a rescue file."""

    dag: Dag
    cluster: int
    rescued: bool


def memory_of(plan: Plan, jobs: Mapping[str, int]) -> dict[str, int]:
    """Return the MiB of each node, given those of the runs."""
    memory = {}
    for node in plan.nodes:
        asked = plan.resources[node.name].request_memory
        if node.name in plan.trainings:
            memory[node.name] = jobs[plan.trainings[node.name].job.name]
        else:
            memory[node.name] = megabytes(asked) if asked else DEFAULT_MEMORY
    return memory


def refuse(plan: Plan, resume: bool) -> None:
    """Raise UserError where the workflow or its runs exist, are others, or are in the pool or registered elsewhere."""
    refuse_known(plan, resume)

    def is_own(record: registry.Record) -> bool:
        """Whether a run was begun by this workflow, in a pool or on this machine."""
        return record.config == str(plan.config) or record.config.startswith(str(plan.folder))

    refuse_registered(plan.jobs, resume=resume, is_own=is_own)


def show(plan: Plan, memory: Mapping[str, int]) -> None:
    """Print the DAG, and the submit description and the script of each node."""
    dag = Dag(plan.folder)
    console.print(f"# {dag.path}", style="bold")
    console.print(dag_text(dag, plan.nodes))
    for node in plan.nodes:
        submission, wanted = dag.node(node.name), _request(plan, node, memory)
        console.print(f"# {submission.description}", style="bold")
        console.print(description(submission, wanted))
        console.print(f"# {submission.script}", style="bold")
        console.print(script(submission, wanted))
    console.print("nothing was submitted or written")


@interruption.orderly(grace=GRACE)
def send(plan: Plan, memory: Mapping[str, int], pool: Pool) -> Sent:
    """Register the runs that are to come and submit the DAG; where the pool refuses, everything is as it was."""
    dag, new = Dag(plan.folder), not plan.folder.exists()
    done = [node.name for node in plan.nodes if succeeded(dag, node)]
    if len(done) == len(plan.nodes):
        raise UserError(Problem("every node is done already", (plan.name,), expected="another name"))
    rescued = bool(done) or any(dag.folder.glob(f"{dag.path.name}.rescue*"))
    root, jobs = registry.root(), {name: training.job for name, training in plan.trainings.items()}
    waiting = [name for name in jobs if name not in done]
    batch = Batch(tuple(jobs[name] for name in waiting), {jobs[name].name: memory[name] for name in waiting})
    before = {job.name: registry.find(root, job.name) for job in batch.jobs}
    try:
        try:
            write_files(plan)
            for node in plan.nodes:
                dag.node(node.name).logs.mkdir(parents=True, exist_ok=True)
                write(dag.node(node.name), _request(plan, node, memory, pool.version))
            write_text(dag.path, dag_text(dag, plan.nodes, done))
        except OSError as error:
            what = f"the logs cannot be written ({error.strerror or error})"
            raise UserError(Problem(what, (str(plan.folder),), expected="a writable folder: --logs DIR")) from None
        directory.runs_root().mkdir(parents=True, exist_ok=True)
        try:
            register(batch, before, plan.config, commit_of(REPOSITORY), "queued")
            cluster = pool.submit_dag(dag.path)
        except BaseException:
            registry.restore(root, before)
            raise
    except BaseException:
        if new:
            shutil.rmtree(plan.folder, ignore_errors=True)
        raise
    runs = {name: job.name for name, job in jobs.items()}
    dag.write_index(DagIndex(cluster=cluster, config=str(plan.config), memory=dict(memory), runs=runs))
    return Sent(dag, cluster, rescued)


def succeeded(dag: Dag, node: Node) -> bool:
    """Whether a node has ended with exit code 0 in the pool and its output is there."""
    history = read(dag.node(node.name).events).get(0)
    exists = node.output is None or node.output.exists()
    return history is not None and history.phase == "completed" and history.exit_code == 0 and exists


def _request(plan: Plan, node: Node, memory: Mapping[str, int], version: tuple[int, ...] = (0,)) -> Request:
    asked = {node.name: memory[node.name]}
    return request(plan.resources[node.name], asked, plan.jobs, version, node.arguments)
