"""From a workflow to nodes: each shard, each job and each command of a step, all of them checked before any begins."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.checks.jobs import check_jobs
from app.config import Job
from app.config.derived_jobs import with_members
from app.config.job_file import load, parse, read, refuse_equal_names
from app.config.workflow import KINDS, Step, Workflow, is_reference, suffix_of
from app.config.workflow import parse as parse_workflow
from app.core.catalog import Spec
from app.core.errors import Problem, UserError, merge_equal_problems
from app.data.loading import data_root, simulated_folder
from app.runs import directory
from app.workflows.command_line import Parse, check_command_line
from datasets.files.shards import shard_path
from jobs.nodes import Node
from jobs.resources import Resources

FOLDER = ".workflows"
"""Below the folder of the runs, or of the logs: no run's name begins with a dot."""


@dataclass(frozen=True)
class Training:
    """A node that trains: its job, and the same with data that are there now, to check and to estimate."""

    job: Job
    stand_in: Job


@dataclass
class Plan:
    """A workflow's nodes, in an order in which they can be done.

    Attributes:
        name: of the workflow.
        config: its file.
        folder: where it is remembered what is done.
        nodes: the commands.
        trainings: what the nodes that train do.
        resources: what the nodes ask of a pool.
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

    def job_file(self, job: Job) -> Path:
        """Return where the resolved job of a node lies."""
        return self.folder / "jobs" / f"{job.name}.json"


def folder_of(name: str, logs: Path | None = None) -> Path:
    """Return the folder of a workflow: below `logs`, else $WIRECHAMBER_LOGS, else the folder of the runs."""
    return root_of(logs) / name


def root_of(logs: Path | None = None) -> Path:
    """Return the folder of all workflows."""
    root = logs or Path(os.environ.get("WIRECHAMBER_LOGS") or directory.runs_root())
    return (root / FOLDER).resolve()


def plan_workflow(
    path: Path, overrides: Sequence[str], words: Parse, extra: Sequence[str] = (), logs: Path | None = None
) -> Plan:
    """Read a workflow file and return its nodes, after everything that can be said about them now.

    Args:
        path: the file.
        overrides: of every job of every step.
        words: reads a command line.
        extra: further arguments of every run.
        logs: folder of the logs.

    Raises:
        UserError: with the mistakes of all steps and all of their jobs.
    """
    workflow = parse_workflow(read(path), path)
    plan = Plan(workflow.workflow, path.resolve(), folder_of(workflow.workflow, logs))
    maker, mistakes = _Maker(workflow, plan, overrides, words, extra), list[Problem]()
    for name in workflow.order:
        try:
            maker.add(name)
        except UserError as error:
            maker.failed.add(name)
            mistakes += error.under(path.stem, "steps", name).problems
    if mistakes:
        raise UserError(*mistakes)
    refuse_equal_names(with_members(plan.jobs))
    for name, nodes in maker.of_step.items():
        try:
            check_jobs(with_members([plan.trainings[node].stand_in for node in nodes if node in plan.trainings]))
        except UserError as error:
            mistakes += UserError(*merge_equal_problems(error.problems)).under(path.stem, "steps", name).problems
    if mistakes:
        raise UserError(*mistakes)
    return plan


@dataclass
class _Maker:
    """Adds step after step; `made` is what each leaves: files, or names of runs. Of `failed` ones nobody knows."""

    workflow: Workflow
    plan: Plan
    overrides: Sequence[str]
    words: Parse
    extra: Sequence[str]
    made: dict[str, list[str]] = field(default_factory=dict)
    of_step: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def add(self, name: str) -> None:
        step, before = self.workflow.steps[name], len(self.plan.nodes)
        self.of_step[name], self.made[name] = (), []  # whatever happens: what follows has its own mistakes
        kind = next(one for one in KINDS if getattr(step, one) is not None)
        getattr(self, f"_{kind}")(name, step)
        self.of_step[name] = tuple(node.name for node in self.plan.nodes[before:])

    def _node(self, step: Step, name: str, words: Sequence[str], output: Path | None, resources: Resources) -> None:
        after = tuple(node for other in step.needs for node in self.of_step[other])
        self.plan.nodes.append(Node(self._free(name), tuple(words), after, output))
        self.plan.resources[self.plan.nodes[-1].name] = resources

    def _free(self, name: str) -> str:
        wanted = re.sub(r"[^\w-]", "_", name)  # DAGMan takes neither . nor + in a name
        taken = {node.name for node in self.plan.nodes}
        return next(n for n in (wanted, *(f"{wanted}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)

    def _simulate(self, name: str, step: Step) -> None:
        spec, shards = step.simulation
        out = simulated_folder(spec, data_root().resolve())
        self.made[name] = [str(shard_path(out, shard, suffix_of(spec))) for shard in range(shards)]
        for shard, path in enumerate(self.made[name]):
            words = ["simulate", spec.name, "--out", str(out), "--shard", str(shard), *_options(spec)]
            self._node(step, f"{name}-{shard}", words, Path(path), step.resources)

    def _merge(self, name: str, step: Step) -> None:
        files = [file for other in step.merge or () for file in self.made[other]]
        digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:12]
        out = data_root().resolve() / f"{self.plan.name}-{name}-{digest}.npz"
        self.made[name] = [str(out)]
        self._node(step, name, ["merge", *files, "--out", str(out), "--resume"], out, step.resources)

    def _jobs(self, name: str, step: Step) -> None:
        mistakes = list[Problem]()
        for text in step.jobs or ():
            try:
                found = load(self.plan.config.parent / text, (*step.set_, *self.overrides))
                for job in found:
                    self._training(name, step, job)
            except UserError as error:
                mistakes += error.problems
        if mistakes:
            raise UserError(*merge_equal_problems(mistakes))

    def _training(self, name: str, step: Step, job: Job) -> None:
        content = job.dump() | {"name": step.name.replace("{name}", job.name)}
        training = Training(parse(self._reading(content, step, False)), parse(self._reading(content, step, True)))
        if training.job.resources.transfer:
            raise UserError(Problem("steps share their files", (job.name, "resources", "transfer"), expected="false"))
        path = self.plan.job_file(training.job)
        words = ["run", "--config", str(path), "--resume", *self.extra]
        result = directory.of(training.job.name).metrics.resolve()
        self._node(step, f"{name}-{training.job.name}", words, result, training.job.resources)
        self.plan.trainings[self.plan.nodes[-1].name] = training
        self.made[name].append(training.job.name)

    def _reading(self, content: dict[str, Any], step: Step, now: bool) -> dict[str, Any]:
        """Put the data of another step into a job; as they are not there `now`, the simulation that makes them."""
        if step.reads is None:
            return content
        source = step.reads
        while self.workflow.steps[source].merge:
            source = self.workflow.steps[source].merge[0]  # type: ignore[index]
        simulate = self.workflow.steps[source].simulation[0].dump()
        read = {"simulate": simulate, "files": None} if now else {"simulate": None, "files": self.made[step.reads]}
        return content | {"dataset": content["dataset"] | read}

    def _command(self, name: str, step: Step) -> None:
        words = [
            made for word in step.command or () for made in (self.made[word[1:-1]] if is_reference(word) else [word])
        ]
        if self.failed & {word[1:-1] for word in step.command or () if is_reference(word)}:
            check_command_line([words[0], "--help"], self.words)  # the rest depends on what the other step makes
            return
        check_command_line(words, self.words)
        self._node(step, name, words, None, step.resources)


def _options(spec: Spec[None]) -> list[str]:
    """Return the parameters of a simulator as words of its command line."""
    found: list[str] = []
    for name, value in spec.dump().items():
        option = f"--{name.replace('_', '-')}"
        if name == "name" or value is None or value is False:
            continue
        found += [option] if value is True else [option, json.dumps(value)]
    return found


def difference(old: Mapping[str, Any], plan: Plan) -> str | None:
    """Return the first node in which a remembered plan differs from this one."""
    new = content_of(plan)
    return next((name for name in [*new, *old] if old.get(name) != new.get(name)), None)


def content_of(plan: Plan) -> dict[str, Any]:
    """Return the nodes as JSON: what must be equal for a workflow to be resumed."""
    return {node.name: {"words": list(node.words), "after": list(node.after)} for node in plan.nodes}
