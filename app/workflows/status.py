"""The state of the workflows in a pool: each node, and the registry records of the runs that are nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.runtime.console import console, table
from app.submission.status import describe_hold, follow_registry
from app.workflows.plan import workflows_root
from jobs.dag import Dag, DagIndex, find_workflows
from jobs.job_state import JobState, by_id
from jobs.nodes import count_states
from jobs.pool import Pool

HEADER = ("node", "job", "state", "starts", "evictions", "MB used", "MB given", "remark")


@dataclass(frozen=True)
class WorkflowState:
    """A workflow that was submitted: its nodes, and whether DAGMan works on it (None: no pool was asked)."""

    dag: Dag
    index: DagIndex
    nodes: Mapping[str, JobState | None]
    working: bool | None

    def phase(self, node: str) -> str:
        """Return the phase of a node."""
        job = self.nodes[node]
        if job is None or job.history is None:
            return "not begun" if self.working is False else "waiting"
        if job.history.phase == "completed":
            return "failed" if job.failed else "done"
        return job.history.phase

    def remark(self, node: str) -> str:
        """Return what is wrong with a node."""
        job = self.nodes[node]
        if job is None or job.history is None:
            return ""
        if job.explanation is not None:
            return describe_hold(job)
        return job.ending if self.phase(node) in ("failed", "removed") else ""


def gather_workflows(logs: Path | None, pool: Pool | None) -> list[WorkflowState]:
    """Return the workflows that were submitted, and bring the registry up to the runs that are their nodes."""
    workflows = []
    for dag, index in find_workflows(workflows_root(logs)):
        clusters = dag.clusters(index)
        ads = None if pool is None else by_id([*pool.history(clusters), *pool.queue(clusters)])
        working = None if pool is None else bool(pool.queue([index.cluster]))
        state = WorkflowState(dag, index, dag.states(index, ads), working)
        jobs = [job for node, job in state.nodes.items() if job is not None and node in index.runs]
        follow_registry(jobs, pool is not None)
        workflows.append(state)
    return workflows


def show_workflow(state: WorkflowState, whole: bool) -> None:
    """Print the nodes of a workflow; without `whole` only one line of a workflow that is done."""
    phases = {node: state.phase(node) for node in state.nodes}
    done = set(phases.values()) == {"done"}
    if whole or not done:
        title = f"workflow {state.dag.name}, cluster {state.index.cluster}"
        rows = []
        for node, job in state.nodes.items():
            if job is None or job.history is None:
                rows.append((node, "", phases[node], "", "", "", "", ""))
                continue
            known = job.history
            figures = (str(known.starts), str(known.evictions), str(known.memory or ""), str(job.given))
            rows.append((node, job.number, phases[node], *figures, state.remark(node)))
        table(title, HEADER, rows, numbers_from=3)
    console.print(f"{state.dag.name}: {count_states(phases)}")
    if state.working is False and not done:
        command = f"wirechamber submit {state.index.config} --resume"
        console.print(f"  it has ended early; to continue with what is not done: {command}")
