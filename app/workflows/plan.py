"""From a workflow file to its nodes: all of them are checked before any begins."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.checks.jobs import check_jobs
from app.config import Job
from app.config.derived_jobs import with_members
from app.config.job_file import read, refuse_equal_names
from app.config.workflow import parse as parse_workflow
from app.core.errors import Problem, UserError, merge_equal_problems
from app.runs import directory
from app.workflows.steps import Parse, StepPlanner, Training
from jobs.nodes import Node
from jobs.resources import Resources

FOLDER = ".workflows"
"""Below the folder of the runs, or of the logs: no run's name begins with a dot."""


@dataclass
class Plan:
    """A workflow's nodes, in an order in which they can be done.

    Attributes:
        name: of the workflow.
        config: its file.
        folder: where it is written down what is done.
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


def plan_workflow(
    path: Path, overrides: Sequence[str], parse: Parse, extra: Sequence[str] = (), logs: Path | None = None
) -> Plan:
    """Read a workflow file and return its nodes, after all checks that are possible now.

    Args:
        path: the file.
        overrides: of every job of every step.
        parse: reads a command line.
        extra: further arguments of every run.
        logs: folder of the logs.

    Raises:
        UserError: with the mistakes of all steps and all of their jobs.
    """
    workflow = parse_workflow(read(path), path)
    plan = Plan(workflow.workflow, path.resolve(), workflows_root(logs) / workflow.workflow)
    planner, mistakes = StepPlanner(workflow, plan, overrides, parse, extra), list[Problem]()
    for name in workflow.order:
        try:
            planner.add(name)
        except UserError as error:
            planner.failed.add(name)
            mistakes += error.under(path.stem, "steps", name).problems
    if mistakes:
        raise UserError(*mistakes)
    refuse_equal_names(with_members(plan.jobs))
    for name, nodes in planner.nodes_of.items():
        try:
            check_jobs(with_members([plan.trainings[node].stand_in for node in nodes if node in plan.trainings]))
        except UserError as error:
            mistakes += UserError(*merge_equal_problems(error.problems)).under(path.stem, "steps", name).problems
    if mistakes:
        raise UserError(*mistakes)
    return plan
