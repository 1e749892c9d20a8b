"""A workflow file: steps that simulate, merge, train and look at what came out, and their order."""

import json
import logging
import math
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from app.config.job_file import Content
from app.core.catalog import Spec
from app.core.errors import Problem, UserError, nearest
from app.core.passwords import has_password
from app.core.spelling import Spelling
from app.core.types import Listed, Name, Strict
from app.core.validation import problems
from datasets import SIMULATORS
from jobs.resources import Resources

logger = logging.getLogger(__name__)

KINDS = ("simulate", "merge", "jobs", "command")
BELONGS = {"shards": "simulate", "reads": "jobs", "set": "jobs", "name": "jobs"}
"""Keys of a step that one kind of steps has, with this kind."""
MOST_SHARDS = 10_000
"""Of a step, each of which is a node."""
COUNTS = ("tracks", "events")
"""The names of the number of events among the keys of simulators."""
RESERVED = ("parent", "child", "all_nodes")
"""Names that DAGMan does not accept for a node."""
DATA = ("simulate", "merge")
"""Kinds of steps that make data."""
StepName = Annotated[str, Spelling("A-Za-z", "0-9_", 60, "letters, digits and _, the first a letter")]


class Step(Strict):
    """One of `simulate`, `merge`, `jobs` and `command`; each shard and each job is a node of its own."""

    simulate: SIMULATORS.spec | None = Field(None, description="simulated data, each shard by a node of its own")
    shards: Annotated[int, Field(ge=1, le=MOST_SHARDS)] | None = Field(
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
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise UserError(Problem("not one kind of step", expected=f"one of {', '.join(KINDS)}", received=given))
        keys = {field.alias or name for name, field in type(self).model_fields.items() if name in self.model_fields_set}
        for key, kind in BELONGS.items():
            if key in keys and kind != given[0]:
                raise UserError(Problem(f"belongs to {kind!r}", (key,), expected=f"no {key} next to {given[0]!r}"))
        if self.jobs and "resources" in keys:
            expected = 'resources of the jobs, e.g. "set": ["resources.flavour=workday"]'
            raise UserError(Problem("jobs say themselves what they ask for", ("resources",), expected=expected))
        if has_password(self.command):
            expected = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment"
            raise UserError(Problem("everyone can read arguments of a command", ("command",), expected=expected))
        if self.resources.transfer:
            raise UserError(Problem("steps share their files", ("resources", "transfer"), expected="false"))
        if self.simulate and (shards := self.simulation[1]) > MOST_SHARDS:
            expected = f"at most {MOST_SHARDS:,}: a larger shard_size, or fewer 'shards'"
            raise UserError(Problem("too many shards", ("simulate",), expected=expected, received=shards))
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
        used = [argument[1:-1] for argument in self.command or () if is_reference(argument)]
        return tuple(
            dict.fromkeys([*self.after, *(self.merge or ()), *([] if self.reads is None else [self.reads]), *used])
        )


class Workflow(Strict):
    """Steps and their order: a file that `run` works through on this machine and `submit` in a pool."""

    schema_: str | None = Field(None, alias="$schema")
    workflow: Name = Field(description="its name, and that of its folder")
    rationale: str
    steps: Annotated[dict[StepName, Step], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        mistakes = [problem.under("steps", name) for name in self.steps for problem in self._find_mistakes(name)]
        if mistakes:
            raise UserError(*mistakes)
        try:
            TopologicalSorter({name: step.needs for name, step in self.steps.items()}).prepare()
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            mistake = Problem("steps wait for each other", ("steps",), expected="no circle", received=circle)
            raise UserError(mistake) from None
        return self

    def _find_mistakes(self, name: str) -> list[Problem]:
        """Return what is wrong with the steps that one step needs, and with its name."""
        step, names = self.steps[name], list(self.steps)
        expected = f"one of [{', '.join(names)}]"
        mistakes = [
            Problem("no such step", nearest=nearest(other, names), expected=expected, received=other)
            for other in step.needs
            if other not in names
        ]
        if name.lower() in RESERVED:
            mistakes.append(Problem("DAGMan's own word", expected="another name"))
        if mistakes:
            return mistakes
        for other in step.merge or ():
            simulator = self.steps[other].simulate
            if simulator is None:
                mistakes.append(
                    Problem("not such a step", ("merge",), expected="a step with 'simulate'", received=other)
                )
            elif suffix_of(simulator) == ".root":
                mistakes.append(Problem("ROOT files are not merged", ("merge",), expected="npz shards", received=other))
        if step.reads is not None and not any(getattr(self.steps[step.reads], kind) for kind in DATA):
            expected = f"a step with {' or '.join(map(repr, DATA))}"
            mistakes.append(Problem("not such a step", ("reads",), expected=expected, received=step.reads))
        return mistakes

    @property
    def order(self) -> list[str]:
        """Names of the steps, each after those that it needs, otherwise as they stand in the file."""
        needs = {name: set(step.needs) for name, step in self.steps.items()}
        ordered: dict[str, None] = {}
        while len(ordered) < len(needs):
            ordered[next(name for name in needs if name not in ordered and needs[name] <= ordered.keys())] = None
        return list(ordered)


def suffix_of(spec: Spec[None]) -> str:
    """Return how the names of a simulator's shards end."""
    return str(spec.component.facts.suffix)


def is_reference(argument: str) -> bool:
    """Whether an argument of a command means what another step made.

    >>> is_reference("{train}"), is_reference("train")
    (True, False)
    """
    return argument.startswith("{") and argument.endswith("}")


def parse(content: Content, path: Path) -> Workflow:
    """Validate the content of a workflow file; raises UserError with every mistake in it."""
    steps = content.get("steps")
    if isinstance(steps, dict) and any(isinstance(step, dict) and "verb" in step for step in steps.values()):
        logger.warning('%s: the key "verb" of a step is called "command" now; the old name is still accepted', path)
        content = content | {"steps": dict(steps)}
        for name, step in steps.items():
            if isinstance(step, dict) and "command" not in step:  # a step that has both is refused below
                content["steps"][name] = {("command" if k == "verb" else k): value for k, value in step.items()}
    try:
        return Workflow.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise UserError(*problems(error, Workflow)).under(path.stem) from None
