"""What became of the workflows in a pool: each node, and the registry of the runs that are nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.runtime.console import console, table
from app.submission.status import follow_registry, held_in_words
from app.workflows.plan import root_of
from jobs.dag import Dag, DagIndex, find_all
from jobs.job_state import JobState, by_id
from jobs.nodes import counted
from jobs.pool import Pool

HEADER = ("node", "job", "state", "starts", "sent away", "MB used", "MB given", "remark")


@dataclass(frozen=True)
class WorkflowState:
    """A workflow that was submitted: its nodes, and whether DAGMan works on it (None: no pool was asked)."""

    dag: Dag
    index: DagIndex
    nodes: Mapping[str, JobState | None]
    working: bool | None

    def phase(self, node: str) -> str:
        """Say where a node stands."""
        job = self.nodes[node]
        if job is None or job.history is None:
            return "not begun" if self.working is False else "waiting"
        if job.history.phase == "completed":
            return "failed" if job.failed else "done"
        return job.history.phase

    def remark(self, node: str) -> str:
        """Say what is wrong with a node."""
        job = self.nodes[node]
        if job is None or job.history is None:
            return ""
        if job.explanation is not None:
            return held_in_words(job)
        return job.ending if self.phase(node) in ("failed", "removed") else ""


def gather_workflows(logs: Path | None, pool: Pool | None) -> list[WorkflowState]:
    """Return the workflows that were submitted, and bring the registry up to the runs that are their nodes."""
    found = []
    for dag, index in find_all(root_of(logs)):
        clusters = dag.clusters(index)
        ads = None if pool is None else by_id([*pool.history(clusters), *pool.queue(clusters)])
        working = None if pool is None else bool(pool.queue([index.cluster]))
        state = WorkflowState(dag, index, dag.states(index, ads), working)
        jobs = [job for node, job in state.nodes.items() if job is not None and node in index.runs]
        follow_registry(jobs, pool is not None)
        found.append(state)
    return found


def show_workflow(state: WorkflowState, whole: bool) -> None:
    """Print the nodes of a workflow; of one that is done only that it is, unless the whole is wanted."""
    phases = {node: state.phase(node) for node in state.nodes}
    done = set(phases.values()) == {"done"}
    if whole or not done:
        title = f"workflow {state.dag.name}, cluster {state.index.cluster}"
        table(title, HEADER, [_row(state, node) for node in state.nodes], numbers_from=3)
    console.print(f"{state.dag.name}: {counted(phases)}", markup=False)
    if state.working is False and not done:
        again = f"wirechamber submit {state.index.config} --resume"
        console.print(f"  it has ended early; to go on with what is not done: {again}", markup=False)


def _row(state: WorkflowState, node: str) -> tuple[str, ...]:
    job = state.nodes[node]
    if job is None or job.history is None:
        return (node, "", state.phase(node), "", "", "", "", "")
    known = job.history
    figures = (str(known.starts), str(known.evictions), str(known.memory or ""), str(job.given))
    return (node, job.number, state.phase(node), *figures, state.remark(node))
