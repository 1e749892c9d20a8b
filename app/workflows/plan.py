"""The plan of a workflow: its nodes, their jobs and resources, and where they are written down."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.config import Job
from app.runs import directory
from jobs.nodes import Node
from jobs.resources import Resources

FOLDER = ".workflows"
"""Below the folder of the runs, or of the logs: no run's name begins with a dot."""


@dataclass(frozen=True)
class Training:
    """A node that trains: its job, and the same job with data that exist already, to check and to estimate."""

    job: Job
    stand_in: Job


@dataclass
class Plan:
    """A workflow's nodes, in an order in which they can be done.

    Attributes:
        name: of the workflow.
        config: its file.
        folder: with the record of the nodes that are done.
        nodes: the commands.
        trainings: the jobs of the nodes that train, by node.
        resources: what each node asks of a pool.
    """

    name: str
    config: Path
    folder: Path
    nodes: list[Node] = field(default_factory=list)
    trainings: dict[str, Training] = field(default_factory=dict)
    resources: dict[str, Resources] = field(default_factory=dict)

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all steps."""
        return [training.job for training in self.trainings.values()]

    @property
    def content(self) -> dict[str, Any]:
        """The nodes as JSON: what must be equal for a workflow to be resumed."""
        return {node.name: {"words": list(node.arguments), "after": list(node.after)} for node in self.nodes}

    def job_file(self, job: Job) -> Path:
        """Return where the resolved job of a node lies."""
        return self.folder / "jobs" / f"{job.name}.json"

    def first_difference(self, old: Mapping[str, Any]) -> str | None:
        """Return the first node in which the content of another plan differs from this one."""
        new = self.content
        return next((name for name in [*new, *old] if old.get(name) != new.get(name)), None)


def workflows_root(logs: Path | None = None) -> Path:
    """Return the folder of all workflows: below `logs`, else $WIRECHAMBER_LOGS, else the folder of the runs."""
    root = logs or Path(os.environ.get("WIRECHAMBER_LOGS") or directory.runs_root())
    return (root / FOLDER).resolve()
