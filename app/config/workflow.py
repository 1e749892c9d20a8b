"""A workflow file: steps that simulate, merge, train and look at what came out, and their order."""

from __future__ import annotations

import json
import logging
import math
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from app.config.overrides import Content
from app.core.catalog import Spec
from app.core.errors import Problem, UserError, nearest
from app.core.types import Count, Listed, Name, Strict
from app.core.validation import problems
from datasets import SIMULATORS
from jobs.resources import Resources

logger = logging.getLogger(__name__)

KINDS = ("simulate", "merge", "jobs", "command")
BELONGS = {"shards": "simulate", "reads": "jobs", "set": "jobs", "name": "jobs"}
"""Keys of a step that say something about one kind only."""
COUNTS = ("tracks", "events")
"""What simulators call the number of their events."""
RESERVED = ("parent", "child", "all_nodes")
"""What no node of a DAG may be called."""
StepName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]


class Step(Strict):
    """One of `simulate`, `merge`, `jobs` and `command`; each shard and each job is a node of its own."""

    simulate: SIMULATORS.spec | None = Field(None, description="simulated data, each shard by a node of its own")
    shards: Count | None = Field(
        None, description="into how many shards; default: what the simulator's shard_size says"
    )
    merge: Annotated[Listed, Field(min_length=1)] | None = Field(
        None, description="steps that simulate, whose shards are joined into one file"
    )
    jobs: Annotated[Listed, Field(min_length=1)] | None = Field(
        None, description="job and sweep files, seen from the workflow's; each of their jobs is a node"
    )
    reads: str | None = Field(None, description="the step whose data the jobs read in place of their own")
    set_: tuple[str, ...] = Field((), alias="set", description='changes of all jobs: ["training.epochs=5"]')
    name: str = Field("{name}", description='of the runs: "suite_{name}"')
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None, description='any command with its arguments; "{step}" means the runs or files of that step'
    )
    after: Listed = Field(
        (), description="steps that must be finished before, in addition to those whose data are used"
    )
    resources: Resources = Field(Resources(), description="of the nodes in a pool; jobs say it themselves")

    @model_validator(mode="after")
    def _one_kind(self) -> Step:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise UserError(Problem("not one kind of step", expected=f"one of {', '.join(KINDS)}", received=given))
        said = {field.alias or name for name, field in type(self).model_fields.items() if name in self.model_fields_set}
        for key, kind in BELONGS.items():
            if key in said and kind != given[0]:
                raise UserError(Problem(f"belongs to {kind!r}", (key,), expected=f"no {key} beside {given[0]!r}"))
        if self.jobs and "resources" in said:
            expected = 'resources of the jobs, e.g. "set": ["resources.flavour=workday"]'
            raise UserError(Problem("jobs say themselves what they ask for", ("resources",), expected=expected))
        if self.resources.transfer:
            raise UserError(Problem("steps share their files", ("resources", "transfer"), expected="false"))
        return self

    @property
    def simulation(self) -> tuple[Spec[None], int]:
        """The simulator with its shard size, and the number of shards."""
        content = self.simulate.dump()  # type: ignore[union-attr]
        events = next(content[name] for name in COUNTS if name in content)
        if self.shards is not None:
            content["shard_size"] = math.ceil(events / self.shards)
        return SIMULATORS.parse(content), math.ceil(events / content["shard_size"])

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the steps that must be finished before."""
        used = [word[1:-1] for word in self.command or () if is_reference(word)]
        return tuple(dict.fromkeys([*self.after, *(self.merge or ()), *([self.reads] if self.reads else []), *used]))


class Workflow(Strict):
    """Steps and their order: a file that `run` works through on this machine and `submit` in a pool."""

    schema_: str | None = Field(None, alias="$schema")
    workflow: Name = Field(description="its name, and that of its folder")
    rationale: str
    steps: Annotated[dict[StepName, Step], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Workflow:
        mistakes = [problem.under("steps", name) for name in self.steps for problem in self._mistakes(name)]
        if mistakes:
            raise UserError(*mistakes)
        try:
            TopologicalSorter({name: step.needs for name, step in self.steps.items()}).prepare()
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise UserError(
                Problem("steps wait for each other", ("steps",), expected="no circle", received=circle)
            ) from None
        return self

    def _mistakes(self, name: str) -> list[Problem]:
        step = self.steps[name]
        found = [
            Problem(
                "no such step",
                (),
                nearest=nearest(other, self.steps),
                expected=f"one of [{', '.join(self.steps)}]",
                received=other,
            )
            for other in step.needs
            if other not in self.steps
        ]
        if name.lower() in RESERVED:
            found.append(Problem("DAGMan's own word", (), expected="another name"))
        if found:
            return found
        for key, others, kinds in (("merge", step.merge or (), ("simulate",)), ("reads", _one(step.reads), DATA)):
            for other in others:
                if not any(getattr(self.steps[other], kind) for kind in kinds):
                    expected = f"a step with {' or '.join(map(repr, kinds))}"
                    found.append(Problem("not such a step", (key,), expected=expected, received=other))
            if key == "merge":
                found += [
                    Problem("ROOT files are not merged", (key,), expected="npz shards", received=other)
                    for other in others
                    if (spec := self.steps[other].simulate) is not None and suffix_of(spec) == ".root"
                ]
        return found

    @property
    def order(self) -> list[str]:
        """Names of the steps, each after those that it needs, otherwise as they stand in the file."""
        found: list[str] = []
        while len(found) < len(self.steps):
            found += [n for n, step in self.steps.items() if n not in found and set(step.needs) <= set(found)][:1]
        return found


DATA = ("simulate", "merge")


def suffix_of(spec: Spec[None]) -> str:
    """Return how the names of a simulator's shards end."""
    return str(spec.component.facts.suffix)


def is_reference(word: str) -> bool:
    """Whether an argument of a command means what another step made.

    >>> is_reference("{train}"), is_reference("train")
    (True, False)
    """
    return word.startswith("{") and word.endswith("}")


def _one(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)


def parse(content: Content, path: Path) -> Workflow:
    """Validate the content of a workflow file; raises UserError with every mistake in it."""
    try:
        return Workflow.model_validate_json(json.dumps(_rename_old_keys(content, path)), strict=True)
    except ValidationError as error:
        raise UserError(*problems(error, Workflow)).under(path.stem) from None


def _rename_old_keys(content: Content, path: Path) -> Content:
    """Return the content with the key that version 0.1 called "verb" under its present name, and say so once."""
    steps = content.get("steps")
    if not isinstance(steps, dict) or not any(isinstance(step, dict) and "verb" in step for step in steps.values()):
        return content
    logger.warning('%s: the key "verb" of a step is called "command" now; the old name is still accepted', path)
    return content | {"steps": {name: _rename_key(step, "verb", "command") for name, step in steps.items()}}


def _rename_key(step: Any, old: str, new: str) -> Any:
    """Return a step with one key renamed, the others in their places; a step that has both is refused later."""
    if not isinstance(step, dict) or new in step:
        return step
    return {(new if key == old else key): value for key, value in step.items()}
