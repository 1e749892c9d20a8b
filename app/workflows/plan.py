"""From a workflow file to its plan: each shard, each job and each command is a node, checked before any begins."""

import contextlib
import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.checks.jobs import check_jobs
from app.config import Job
from app.config.derived_jobs import changed, with_members
from app.config.job_file import load, read, refuse_equal_names
from app.config.workflow import KINDS, Step, Workflow, is_reference, suffix_of
from app.config.workflow import parse as parse_workflow
from app.core.errors import Problem, UserError, merge_equal_problems
from app.core.system import roots
from app.data.loading import data_root, simulated_folder
from app.runs import directory
from datasets.files.shards import shard_path
from jobs.nodes import Node
from jobs.resources import Resources

FOLDER = ".workflows"
"""Below the folder of the runs, or of the logs: no run's name begins with a dot."""
Parse = Callable[[Sequence[str]], Any]
"""Reads a command line; ends with SystemExit and one line where it is wrong."""


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
    return ((logs or roots().logs or roots().runs) / FOLDER).resolve()


def plan_workflow(
    path: Path, overrides: Sequence[str], parse_arguments: Parse, extra: Sequence[str] = (), logs: Path | None = None
) -> Plan:
    """Read a workflow file and return its nodes, after all checks that are possible now.

    Args:
        path: the file.
        overrides: of every job of every step.
        parse_arguments: reads a command line.
        extra: further arguments of every run.
        logs: folder of the logs.

    Raises:
        UserError: with the mistakes of all steps and all of their jobs.
    """
    workflow = parse_workflow(read(path), path)
    plan = Plan(workflow.workflow, path.resolve(), workflows_root(logs) / workflow.workflow)
    planner, mistakes = StepPlanner(workflow, plan, overrides, parse_arguments, extra), list[Problem]()
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


@dataclass
class StepPlanner:
    """Adds step after step to a plan.

    Attributes:
        outputs: what each step leaves: files, or names of runs.
        nodes_of: the nodes of each step.
        failed: steps with mistakes; nothing is known about their outputs.
    """

    workflow: Workflow
    plan: Plan
    overrides: Sequence[str]
    parse_arguments: Parse
    extra: Sequence[str]
    outputs: dict[str, list[str]] = field(default_factory=dict)
    nodes_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def add(self, name: str) -> None:
        """Add the nodes of a step; raises UserError with its mistakes."""
        step, before = self.workflow.steps[name], len(self.plan.nodes)
        self.nodes_of[name], self.outputs[name] = (), []  # also after a mistake: later steps have mistakes of their own
        kind = next(kind for kind in KINDS if getattr(step, kind) is not None)
        getattr(self, f"add_{kind}")(name, step)
        self.nodes_of[name] = tuple(node.name for node in self.plan.nodes[before:])

    def add_node(
        self, step: Step, name: str, arguments: Sequence[str], output: Path | None, resources: Resources
    ) -> str:
        """Add one node after those that its step needs, and return its name, which no other node has."""
        wanted = re.sub(r"[^\w-]", "_", name)  # DAGMan takes neither . nor + in a name
        taken = self.plan.resources
        free = next(n for n in (wanted, *(f"{wanted}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)
        after = tuple(node for other in step.needs for node in self.nodes_of[other])
        self.plan.nodes.append(Node(free, tuple(arguments), after, output))
        self.plan.resources[free] = resources
        return free

    def add_simulate(self, name: str, step: Step) -> None:
        """Add a node for each shard of a simulation."""
        spec, shards = step.simulation
        out = simulated_folder(spec, data_root().resolve())
        self.outputs[name] = [str(shard_path(out, shard, suffix_of(spec))) for shard in range(shards)]
        options: list[str] = []
        for key, value in spec.dump().items():
            option = f"--{key.replace('_', '-')}"
            if key != "name" and value is not None and value is not False:
                options += [option] if value is True else [option, json.dumps(value)]
        for shard, path in enumerate(self.outputs[name]):
            arguments = ["simulate", spec.name, "--out", str(out), "--shard", str(shard), *options]
            self.add_node(step, f"{name}-{shard}", arguments, Path(path), step.resources)

    def add_merge(self, name: str, step: Step) -> None:
        """Add the node that joins the files of other steps."""
        files = [file for other in step.merge or () for file in self.outputs[other]]
        digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:12]
        out = data_root().resolve() / f"{self.plan.name}-{name}-{digest}.npz"
        self.outputs[name] = [str(out)]
        self.add_node(step, name, ["merge", *files, "--out", str(out), "--resume"], out, step.resources)

    def add_jobs(self, name: str, step: Step) -> None:
        """Add a node for each job of the step's files."""
        mistakes = list[Problem]()
        for text in step.jobs or ():
            try:
                for job in load(self.plan.config.parent / text, (*step.set_, *self.overrides)):
                    self.add_training(name, step, job)
            except UserError as error:
                mistakes += error.problems
        if mistakes:
            raise UserError(*merge_equal_problems(mistakes))

    def add_training(self, name: str, step: Step, job: Job) -> None:
        """Add the node of one job, which reads the data of another step where the step says so."""
        later: dict[str, Any] = {"name": step.name.replace("{name}", job.name)}
        now = later
        if step.reads is not None:  # its files do not exist yet: the checks take the simulation that makes them
            source = step.reads
            while merged := self.workflow.steps[source].merge:
                source = merged[0]
            simulate = self.workflow.steps[source].simulation[0].dump()
            now = later | {"dataset.simulate": simulate, "dataset.files": None}
            later = later | {"dataset.simulate": None, "dataset.files": self.outputs[step.reads]}
        own, stand_in = changed(job, later), changed(job, now)
        if own.resources.transfer:
            raise UserError(Problem("steps share their files", (job.name, "resources", "transfer"), expected="false"))
        arguments = ["run", "--config", str(self.plan.job_file(own)), "--resume", *self.extra]
        result = directory.of(own.name).metrics.resolve()
        node = self.add_node(step, f"{name}-{own.name}", arguments, result, own.resources)
        self.plan.trainings[node] = Training(own, stand_in)
        self.outputs[name].append(own.name)

    def add_command(self, name: str, step: Step) -> None:
        """Add the node of a command, with the outputs of other steps in place of "{step}"."""
        arguments = list[str]()
        for argument in step.command or ():
            arguments += self.outputs[argument[1:-1]] if is_reference(argument) else [argument]
        if self.failed & {argument[1:-1] for argument in step.command or () if is_reference(argument)}:
            check_command_line(
                [arguments[0], "--help"], self.parse_arguments
            )  # the rest depends on outputs that are unknown
            return
        check_command_line(arguments, self.parse_arguments)
        self.add_node(step, name, arguments, None, step.resources)


def check_command_line(arguments: Sequence[str], parse: Parse) -> None:
    """Read a command line as the node will; raises UserError where it is wrong."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
            parse(list(arguments))
    except SystemExit as end:
        if not end.code:  # --help
            return
        line = next(reversed(output.getvalue().strip().splitlines()), "not a valid command line")
        expected = "arguments of a wirechamber command"
        raise UserError(Problem(line, ("command",), expected=expected, received=list(arguments))) from None
