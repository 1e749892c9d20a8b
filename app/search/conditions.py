"""When a dimension of the space is there: conditions on other dimensions, or on what the job says already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.errors import Problem, UserError, nearest
from app.search.space import Dimension, below

MISSING = object()


@dataclass(frozen=True)
class Condition:
    """The dimension `parent` has one of the values at these positions."""

    parent: str
    positions: tuple[int, ...]


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
    found = {path: _entry(path, dimension, space, job) for path, dimension in space.items()}
    ordered: dict[str, Entry] = {}
    while len(ordered) < len(found):
        ready = [e for p, e in found.items() if p not in ordered and all(c.parent in ordered for c in e.conditions)]
        if not ready:
            circle = sorted(found.keys() - ordered.keys())
            raise UserError(Problem("the conditions go in a circle", (circle[0], "when"), received=circle))
        ordered |= {entry.path: entry for entry in ready}
    return [entry for entry in ordered.values() if not entry.never]


def _entry(path: str, dimension: Dimension, space: Mapping[str, Dimension], job: Mapping[str, Any]) -> Entry:
    conditions = []
    for where, wanted in dimension.when.items():
        accepted = wanted if isinstance(wanted, list) else [wanted]
        parent = next((p for p in space if p != path and (where == p or where.startswith(f"{p}."))), None)
        try:
            if parent is not None:
                conditions.append(_on_dimension(parent, space[parent], where, accepted))
            elif not _in_job(job, where, accepted):
                return Entry(path, dimension, never=True)
        except UserError as error:
            raise error.under(path, "when", where) from None
    return Entry(path, dimension, tuple(conditions))


def _on_dimension(parent: str, dimension: Dimension, where: str, accepted: list[Any]) -> Condition:
    rest = where.removeprefix(parent).removeprefix(".")
    if not dimension.values:
        raise UserError(Problem("a condition on a range of numbers", (), None, "one on a choice or bool", parent))
    known = [below(value, rest, MISSING) for value in dimension.values]
    for value in accepted:
        if value not in known:
            words = [str(one) for one in known if one is not MISSING]
            raise UserError(Problem("never has this value", (), nearest(value, words), f"one of {words}", value))
    return Condition(parent, tuple(i for i, value in enumerate(known) if value in accepted))


def _in_job(job: Mapping[str, Any], where: str, accepted: list[Any]) -> bool:
    value = below(job, where, MISSING)
    if value is MISSING:
        what = "neither in the space nor in the job"
        raise UserError(Problem(what, (), None, "a path of the space or of the job", where))
    return value in accepted
