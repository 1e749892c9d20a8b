"""From pydantic's errors to Problems: JSON path, nearest valid key, what was expected, what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Self, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from app.core.errors import Place, Problem, UserError, unknown


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return one Problem for each mistake that pydantic found in the JSON of `model`.

    Pydantic complains for each member of a union; the complaints of the members that came furthest are kept, and equal
    ones become one.
    """
    places = [(_Place.of(detail["loc"], model), dict(detail)) for detail in error.errors() if not _follows(detail)]
    told = [(detail, place, problem) for place, detail in places for problem in place.describe(detail)]
    firm = [problem.where for detail, _, problem in told if not str(detail["type"]).endswith("_type")]
    described = [  # a member of another type has nothing to say where the one of this type is wrong
        (place, problem)
        for detail, place, problem in told
        if not (place.union is not None and str(detail["type"]).endswith("_type") and _any_below(problem.where, firm))
    ]
    depths: dict[Any, int] = {}
    for place, problem in described:
        depths[place.union] = max(depths.get(place.union, 0), len(problem.where))
    kept: dict[Any, Problem] = {}
    for number, (place, problem) in enumerate(described):
        if place.union is None:
            kept[number] = problem
        elif len(problem.where) > len(place.union) or depths[place.union] == len(place.union):
            key = (place.union, problem.where, problem.what)
            equal = kept.get(key, problem)
            expected = dict.fromkeys(p.expected for p in (equal, problem) if p.expected)
            kept[key] = replace(equal, expected=" or ".join(expected) or None)
    return list(kept.values())


def _follows(detail: Mapping[str, Any]) -> bool:
    """Whether a list is too short only because its items are mistakes, which pydantic leaves out when it counts."""
    return detail["type"] == "too_short" and len(detail["input"]) >= int(detail["ctx"]["min_length"])


def _any_below(where: Place, others: Sequence[Place]) -> bool:
    return any(tuple(other[: len(where)]) == tuple(where) for other in others)


@dataclass
class _Place:
    """A JSON path with the types that lie there; pydantic's own path also names the tried members of a union."""

    where: list[str | int] = field(default_factory=list)
    union: Place | None = None
    types: list[Any] = field(default_factory=list)
    parents: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, loc: Sequence[str | int], model: type[BaseModel]) -> Self:
        """Follow the path of one of pydantic's errors from `model` on."""
        place = cls(types=[model])
        for part in loc:
            choices = [_members(annotation) for annotation in place.types]
            members = [member for choice in choices for member in choice]
            if any(len(choice) > 1 for choice in choices):  # the part names one of them, it is not a key
                place.union = tuple(place.where) if place.union is None else place.union
                place.types = members
            elif part != "[key]":
                place.where.append(part)
                place.parents = members
                place.types = [child for parent in members for child in _children(parent, part)]
        return place

    def describe(self, detail: dict[str, Any]) -> list[Problem]:
        """Return what one of pydantic's errors says; several problems where a validator raised a UserError."""
        where, received = tuple(self.where), detail["input"]
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, UserError):
            return [problem.under(*where) for problem in cause.problems]
        if detail["type"] == "extra_forbidden":
            keys = [
                f.alias or name for parent in self.parents for name, f in getattr(parent, "model_fields", {}).items()
            ]
            return [unknown("key", where[-1], keys, where)]
        if detail["type"] == "missing":
            return [Problem("required key is missing", where)]
        if detail["type"] == "json_invalid":
            return [Problem(f"not JSON: {cause}", where)]
        if detail["type"] == "too_short":
            least = detail["ctx"]["min_length"]
            expected = f"at least {least} item{'s' * (least > 1)}"
            return [Problem("not valid", where, expected=expected, received=received)]
        if cause is not None:
            return [Problem(str(cause), where, received=received)]
        return [Problem("not valid", where, expected=detail["msg"].removeprefix("Input should be "), received=received)]


def _members(annotation: Any) -> list[Any]:
    """Return the types that a value may have, without None; more than one when it is a union."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [m for a in get_args(annotation) if a is not NoneType for m in _members(a)]
    return [annotation]


def _children(annotation: Any, part: str | int) -> list[Any]:
    """Return the type below `part` of a model, mapping or sequence; none where these do not say it."""
    for name, child in getattr(annotation, "model_fields", {}).items():
        if part in (name, child.alias):
            return [child.annotation]
    origin, arguments = get_origin(annotation), [a for a in get_args(annotation) if a is not Ellipsis]
    if not isinstance(origin, type) or not arguments:
        return []
    if issubclass(origin, Mapping):
        return arguments[-1:]
    if not isinstance(part, int):
        return []
    return [arguments[part]] if part < len(arguments) else arguments[-1:]
