"""A workflow in a pool: the file that DAGMan reads, and the states of its nodes."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.files import write_json
from app.core.types import Strict
from jobs.event_log import last_cluster
from jobs.job_state import JobState, states
from jobs.nodes import Node
from jobs.pool import Ad, Id
from jobs.submission import Index, Submission, read_index

INDEX = "dag.json"


class DagIndex(Strict):
    """The content of dag.json: DAGMan's cluster, the workflow's file, the memory of each node, the runs of some."""

    cluster: int
    config: str
    memory: dict[str, int]
    runs: dict[str, str]


@dataclass(frozen=True)
class Dag:
    """Paths inside the folder of a workflow that was submitted."""

    folder: Path

    @property
    def name(self) -> str:
        """The name of the workflow."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """The file that DAGMan reads; its rescue files lie next to it."""
        return self.folder / f"{self.name}.dag"

    def node(self, name: str) -> Submission:
        """Return the folder of a node's submission."""
        return Submission(self.folder / "nodes" / name)

    def write_index(self, index: DagIndex) -> None:
        """Write dag.json once the pool has taken the workflow."""
        write_json(self.folder / INDEX, index.model_dump(mode="json"))

    @property
    def index(self) -> DagIndex | None:
        """The content of dag.json, None of a workflow that was never submitted."""
        path = self.folder / INDEX
        return read_index(path, DagIndex) if path.exists() else None

    def states(self, index: DagIndex, ads: Mapping[Id, Ad] | None) -> dict[str, JobState | None]:
        """Return the state of each node's last job; None for a node that has not begun."""
        jobs: dict[str, JobState | None] = dict.fromkeys(index.memory)
        for node, memory in index.memory.items():
            cluster = last_cluster(self.node(node).events)
            if cluster is not None:
                own = Index(cluster=cluster, runs=(index.runs.get(node, node),), memory=(memory,))
                (jobs[node],) = states(self.node(node), own, ads)
        return jobs

    def clusters(self, index: DagIndex) -> list[int]:
        """Return the clusters of the nodes that have begun."""
        clusters = (last_cluster(self.node(node).events) for node in index.memory)
        return sorted(cluster for cluster in clusters if cluster is not None)


def dag_text(dag: Dag, nodes: Sequence[Node], done: Collection[str] = ()) -> str:
    """Return the content of the .dag file; raises UserError where its folder has a blank in its path.

    >>> print(dag_text(Dag(Path("/w")), [Node("a", ("list",)), Node("b", ("list",), ("a",))], ["a"]), end="")
    # For condor_submit_dag; when a DAG ends early, the rescue file next to this one says what was done.
    JOB a /w/nodes/a/training.sub DONE
    JOB b /w/nodes/b/training.sub
    PARENT a CHILD b
    """
    if re.search(r"\s", str(dag.path)):
        expected = "no blank in it: --logs DIR, or another WIRECHAMBER_RUNS"
        raise UserError(Problem("a path that DAGMan cannot be given", expected=expected, received=str(dag.path)))
    lines = ["# For condor_submit_dag; when a DAG ends early, the rescue file next to this one says what was done."]
    for node in nodes:
        lines.append(f"JOB {node.name} {dag.node(node.name).description}{' DONE' * (node.name in done)}")
    lines += [f"PARENT {' '.join(node.after)} CHILD {node.name}" for node in nodes if node.after]
    return "\n".join(lines) + "\n"


def find_workflows(folder: Path) -> list[tuple[Dag, DagIndex]]:
    """Return the workflows below `folder` that a pool took, the oldest first."""
    workflows = [(Dag(path.parent), read_index(path, DagIndex)) for path in folder.glob(f"*/{INDEX}")]
    return sorted(workflows, key=lambda pair: pair[1].cluster)
