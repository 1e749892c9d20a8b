"""A workflow in a pool: the file that DAGMan reads, and where its nodes stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.core.errors import Problem, UserError
from app.core.files import write_json
from app.core.types import Strict
from jobs import event_log
from jobs.job_state import JobState, states
from jobs.nodes import Node
from jobs.pool import Ad, Id
from jobs.submission import Index, Submission

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
        """The workflow's."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """The file that DAGMan reads; its rescue files lie beside it."""
        return self.folder / f"{self.name}.dag"

    def node(self, name: str) -> Submission:
        """Return the folder of a node's submission."""
        return Submission(self.folder / "nodes" / name)

    def make(self, name: str) -> Submission:
        """Make the folder of a node; it may be there already."""
        made = self.node(name)
        made.logs.mkdir(parents=True, exist_ok=True)
        return made

    def submitted(self, index: DagIndex) -> None:
        """Write down that the pool took it."""
        write_json(self.folder / INDEX, index.model_dump(mode="json"))

    @property
    def index(self) -> DagIndex | None:
        """What was written down, None where it was never submitted."""
        path = self.folder / INDEX
        try:
            return DagIndex.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            what = f"not the index of a workflow ({type(error).__name__})"
            raise UserError(Problem(what, (str(path),), expected="the file as it was written, or none")) from None

    def states(self, index: DagIndex, ads: Mapping[Id, Ad] | None) -> dict[str, JobState | None]:
        """Return the state of each node's last job; None for a node that has not begun."""
        found: dict[str, JobState | None] = {}
        for node, memory in index.memory.items():
            cluster = event_log.last_cluster(self.node(node).events)
            found[node] = None
            if cluster is not None:
                one = Index(cluster=cluster, runs=(index.runs.get(node, node),), memory=(memory,))
                (found[node],) = states(self.node(node), one, ads)
        return found

    def clusters(self, index: DagIndex) -> list[int]:
        """Return the clusters of the nodes that have begun."""
        found = (event_log.last_cluster(self.node(node).events) for node in index.memory)
        return sorted(cluster for cluster in found if cluster is not None)


def text(dag: Dag, nodes: Sequence[Node], done: Collection[str] = ()) -> str:
    """Return the content of the .dag file.

    >>> print(text(Dag(Path("/w")), [Node("a", ("list",)), Node("b", ("list",), ("a",))], ["a"]), end="")
    # For condor_submit_dag; what was done when a DAG ended early stands in the rescue file beside this one.
    JOB a /w/nodes/a/training.sub DONE
    JOB b /w/nodes/b/training.sub
    PARENT a CHILD b
    """
    lines = ["# For condor_submit_dag; what was done when a DAG ended early stands in the rescue file beside this one."]
    for node in nodes:
        lines.append(f"JOB {node.name} {dag.node(node.name).description}{' DONE' * (node.name in done)}")
    lines += [f"PARENT {' '.join(node.after)} CHILD {node.name}" for node in nodes if node.after]
    return "\n".join(lines) + "\n"


def find_all(folder: Path) -> list[tuple[Dag, DagIndex]]:
    """Return the workflows below `folder` that a pool took, the oldest first."""
    dags = [Dag(path.parent) for path in folder.glob(f"*/{INDEX}")]
    found = [(dag, index) for dag in dags if (index := dag.index) is not None]
    return sorted(found, key=lambda pair: pair[1].cluster)
