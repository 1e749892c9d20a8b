"""From pydantic's errors to Problems: JSON path, nearest valid key, what was expected, what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from app.core.errors import Place, Problem, UserError, unknown


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return one Problem for each mistake that pydantic found in the JSON of `model`."""
    found = [(_Place.of(detail["loc"], model), dict(detail)) for detail in error.errors()]
    return _without_repetition([(place, p) for place, detail in found for p in _translate(place, detail)])


@dataclass
class _Place:
    """A JSON path with the types that lie there; pydantic's own path also names the tried members of a union."""

    where: list[str | int] = field(default_factory=list)
    union: Place | None = None
    types: list[Any] = field(default_factory=list)
    parents: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, loc: Sequence[str | int], model: type[BaseModel]) -> _Place:
        place = cls(types=[model])
        for part in loc:
            members = [_members(annotation) for annotation in place.types]
            if any(len(choice) > 1 for choice in members):  # the part names one of them, it is not a key
                place.union = tuple(place.where) if place.union is None else place.union
                place.types = [member for choice in members for member in choice]
            elif part != "[key]":
                place.where.append(part)
                place.parents = [member for choice in members for member in choice]
                place.types = [child for parent in place.parents for child in _children(parent, part)]
        return place

    def keys(self) -> list[str]:
        """The keys that are known where the last one was not."""
        return [f.alias or name for parent in self.parents for name, f in _fields(parent).items()]


def _translate(place: _Place, detail: dict[str, Any]) -> list[Problem]:
    where = tuple(place.where)
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return [problem.under(*where) for problem in cause.problems]
    if detail["type"] == "extra_forbidden":
        return [unknown("key", where[-1], place.keys(), where)]
    if detail["type"] == "missing":
        return [Problem("missing key", where, expected="it to be given")]
    if detail["type"] == "json_invalid":
        return [Problem(f"not JSON: {cause}", where)]
    if cause is not None:
        return [Problem(str(cause), where, received=detail["input"])]
    return [
        Problem("not valid", where, expected=detail["msg"].removeprefix("Input should be "), received=detail["input"])
    ]


def _without_repetition(found: list[tuple[_Place, Problem]]) -> list[Problem]:
    """Tell a mistake once where pydantic complains for each member of a union: the member that came furthest counts."""
    told: dict[Any, Problem] = {}
    for number, (place, problem) in enumerate(found):
        deepest = max(len(p.where) for other, p in found if other.union == place.union)
        if place.union is None:
            told[number] = problem
        elif len(problem.where) > len(place.union) or deepest == len(place.union):
            key = (place.union, problem.where, problem.what)
            told[key] = _either(told[key], problem) if key in told else problem
    return list(told.values())


def _either(one: Problem, other: Problem) -> Problem:
    choices = dict.fromkeys(e for e in (one.expected, other.expected) if e)
    return replace(one, expected=" or ".join(choices) or None)


def _members(annotation: Any) -> list[Any]:
    """Return what a value may be, without None; more than one when it is a union."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [m for a in get_args(annotation) if a is not NoneType for m in _members(a)]
    return [annotation]


def _fields(annotation: Any) -> Mapping[str, Any]:
    return getattr(annotation, "model_fields", {}) if isinstance(annotation, type) else {}


def _children(annotation: Any, part: str | int) -> list[Any]:
    """Return the type below `part` of a model, mapping or sequence; empty where there is no telling."""
    for name, known in _fields(annotation).items():
        if part in (name, known.alias):
            return [known.annotation]
    origin, arguments = get_origin(annotation), [a for a in get_args(annotation) if a is not Ellipsis]
    if not isinstance(origin, type) or not arguments:
        return []
    if issubclass(origin, Mapping):
        return arguments[-1:]
    if not isinstance(part, int):
        return []
    return [arguments[part]] if part < len(arguments) else arguments[-1:]
