"""The `hyperopt` block of a job: what is searched, by whom, for how long."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from app.core.errors import Problem, UserError, nearest
from app.core.types import Count, Strict

POSITION = re.compile("[0-9]{1,9}")
"""A part of a path that is the position in a list."""
MISSING = object()
"""The answer of `value_at` where a path leads nowhere, for callers to whom None is a value."""
Tuner = Literal["random", "hyperband", "bayesian", "grid"]
TRIALS = 20
"""The default number of trials of a tuner that would never stop by itself."""
KINDS = ("choice", "int", "float", "bool")
DIGITS = 6
"""Significant digits of a drawn number: a learning rate of 0.00123457 is as good as one with 17 digits."""


class Dimension(Strict):
    """The values that one path of the job may take."""

    choice: Annotated[tuple[Any, ...], Field(min_length=1)] | None = Field(None, description="any JSON values")
    int_: tuple[int, int] | None = Field(None, alias="int", description="lowest and highest, both included")
    float_: tuple[float, float] | None = Field(None, alias="float", description="lowest and highest")
    bool_: Literal[True] | None = Field(None, alias="bool", description="true: false and true")
    step: Annotated[float, Field(gt=0)] | None = Field(
        None, description="between values; with log the factor between them"
    )
    log: bool = Field(False, description="drawn evenly in the logarithm")
    when: dict[str, Any] = Field({}, description="only where these paths have the value, or one of the list of values")

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = list(self.given)
        if len(given) != 1:
            raise UserError(Problem("not one kind of values", expected=f"exactly one of {list(KINDS)}", received=given))
        if self.values:
            if self.log or self.step is not None:
                what = "'step' and 'log' belong to numbers"
                raise UserError(Problem(what, expected="'int' or 'float'", received=self.kind))
            return self
        (low, high), step, place = self.range, self.step, (self.kind,)
        if low >= high:
            raise UserError(Problem("an empty range", place, expected="the lower end first", received=[low, high]))
        if self.log and low <= 0:
            raise UserError(Problem("a logarithm needs positive values", place, expected="above 0", received=low))
        if self.log and step is not None and step <= 1:
            raise UserError(Problem("with 'log' the step is a factor", ("step",), expected="above 1", received=step))
        if self.kind == "int" and step is not None and step != int(step):
            raise UserError(Problem("not a whole number", ("step",), expected="as the values are", received=step))
        return self

    @property
    def given(self) -> dict[str, Any]:
        """The kinds of values that are set, with their values; a valid dimension has one."""
        values = zip(KINDS, (self.choice, self.int_, self.float_, self.bool_), strict=True)
        return {kind: value for kind, value in values if value is not None}

    @property
    def kind(self) -> str:
        """Which of KINDS it is."""
        return next(iter(self.given))

    @property
    def range(self) -> tuple[float, float]:
        """Both ends of numbers."""
        low, high = self.given[self.kind]
        return low, high

    @property
    def values(self) -> tuple[Any, ...]:
        """All values that can be counted, in order; none of a range."""
        return self.choice or ((False, True) if self.bool_ else ())

    @property
    def corners(self) -> tuple[Any, ...]:
        """The values that a check must try: all of a choice, the ends of a range."""
        return self.values or self.range

    def value(self, drawn: float) -> Any:
        """Return the job's value for what was drawn: the position of a choice, or the number itself."""
        if self.values:
            return self.values[int(drawn)]
        if self.kind == "int":
            return round(drawn)
        low, high = self.range
        return min(max(float(f"{drawn:.{DIGITS}g}"), low), high)


class Hyperopt(Strict):
    """A search: many trainings of one job that differ in some values, the best of them as the result."""

    tuner: Tuner = "random"
    objective: Annotated[str, Field(min_length=1)] = Field(
        "val_loss", description="a validation metric that the job logs: val_loss, val_<metric>"
    )
    direction: Literal["min", "max"] | None = Field(None, description="default: known from the loss or the metric")
    max_trials: Count | None = Field(None, description=f"default: {TRIALS}; of hyperband and grid all that they have")
    epochs: Count | None = Field(None, description="of each trial; default: the job's. With hyperband the longest")
    executions_per_trial: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="trainings with seeds that follow the job's; the mean counts"
    )
    max_hours: Annotated[float, Field(gt=0)] | None = Field(
        None, description="the search stops, publishes its best and can be resumed; counted from each start"
    )
    seed: int | None = Field(None, ge=0, lt=2**31, description="of the draws; default: the job's")
    workers: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1, description="how many workers 'wirechamber submit' sends to the pool"
    )
    parallel: Count | None = Field(None, description="trials at once on one machine; default: one for each GPU, or one")
    space: Annotated[dict[str, Dimension], Field(min_length=1)]

    @property
    def limit(self) -> float:
        """How many trials there may be."""
        if self.max_trials is not None:
            return self.max_trials
        return math.inf if self.tuner in ("hyperband", "grid") else TRIALS


def value_at(content: Any, path: str, nothing: Any = None) -> Any:
    """Return what lies at `path` ("model.name") of some JSON; a short component "mlp" has this name."""
    for part in path.split(".") if path else ():
        if isinstance(content, str) and part == "name":
            continue
        if isinstance(content, (list, tuple)) and POSITION.fullmatch(part) and int(part) < len(content):
            content = content[int(part)]
        elif isinstance(content, Mapping) and part in content:
            content = content[part]
        else:
            return nothing
    return content


@dataclass(frozen=True)
class Condition:
    """The dimension `parent` has one of the values at these positions."""

    parent: str
    positions: tuple[int, ...]

    @classmethod
    def on(cls, parent: str, dimension: Dimension, where: str, accepted: list[Any]) -> Self:
        """Return the condition that what lies at `where`, in or below the dimension `parent`, is accepted."""
        if not dimension.values:
            expected = "one on a choice or bool"
            raise UserError(Problem("a condition on a range of numbers", expected=expected, received=parent))
        rest = where.removeprefix(parent).removeprefix(".")
        known = [value_at(value, rest, MISSING) for value in dimension.values]
        for value in accepted:
            if value not in known:
                names = [str(value) for value in known if value is not MISSING]
                near, expected = nearest(value, names), f"one of {names}"
                raise UserError(Problem("never has this value", nearest=near, expected=expected, received=value))
        return cls(parent, tuple(i for i, value in enumerate(known) if value in accepted))


@dataclass(frozen=True)
class Entry:
    """A dimension at its path, with its conditions; `never` where the job itself excludes it."""

    path: str
    dimension: Dimension
    conditions: tuple[Condition, ...] = ()
    never: bool = False

    def active(self, drawn: Mapping[str, Any]) -> bool:
        """Whether the dimension is there, by what was drawn for the others."""
        return all(c.parent in drawn and int(drawn[c.parent]) in c.positions for c in self.conditions)


def entries(space: Mapping[str, Dimension], job: Mapping[str, Any]) -> list[Entry]:
    """Return the dimensions with their conditions, parents first.

    A condition on `model.name` is one on the dimension `model.name`, or on `model` whose choices have names, or else on
    the job.

    Raises:
        UserError: a condition that nothing can fulfil, or conditions in a circle.
    """
    waiting = {path: _entry(path, dimension, space, job) for path, dimension in space.items()}
    ordered: dict[str, Entry] = {}
    while waiting:
        ready = {p: e for p, e in waiting.items() if all(c.parent in ordered for c in e.conditions)}
        if not ready:
            circle = sorted(waiting)
            raise UserError(Problem("the conditions go in a circle", (circle[0], "when"), received=circle))
        ordered |= ready
        waiting = {p: e for p, e in waiting.items() if p not in ready}
    return [entry for entry in ordered.values() if not entry.never]


def _entry(path: str, dimension: Dimension, space: Mapping[str, Dimension], job: Mapping[str, Any]) -> Entry:
    conditions = []
    for where, wanted in dimension.when.items():
        accepted = wanted if isinstance(wanted, list) else [wanted]
        parent = next((p for p in space if p != path and (where == p or where.startswith(f"{p}."))), None)
        try:
            if parent is not None:
                conditions.append(Condition.on(parent, space[parent], where, accepted))
                continue
            value = value_at(job, where, MISSING)
            if value is MISSING:
                expected = "a path of the space or of the job"
                raise UserError(Problem("neither in the space nor in the job", expected=expected, received=where))
            if value not in accepted:
                return Entry(path, dimension, never=True)
        except UserError as error:
            raise error.under(path, "when", where) from None
    return Entry(path, dimension, tuple(conditions))
