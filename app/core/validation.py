"""From pydantic's errors to Problems: JSON path, nearest valid key, what was expected, what came."""

from __future__ import annotations

from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from app.core.errors import Path, Problem, UserError, unknown


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return one Problem for each mistake that pydantic found in the JSON of `model`."""
    return [problem for detail in error.errors() for problem in _translate(dict(detail), model)]


def _translate(detail: dict[str, Any], model: type[BaseModel]) -> list[Problem]:
    where: Path = tuple(part for part in detail["loc"] if not _is_branch(part))
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return [problem.under(*where) for problem in cause.problems]
    if detail["type"] == "extra_forbidden":
        return [unknown("key", where[-1], _keys(model, where[:-1]), where)]
    if detail["type"] == "missing":
        return [Problem("missing key", where, expected="it to be given")]
    what = str(cause) if cause is not None else "not valid"
    expected = None if cause is not None else detail["msg"].removeprefix("Input should be ")
    return [Problem(what, where, expected=expected, received=detail["input"])]


def _is_branch(part: str | int) -> bool:
    """Pydantic puts the tried member of a union into the path, e.g. 'tuple[int, ...]' or 'function-plain[...]'."""
    return isinstance(part, str) and ("[" in part or part in {"int", "float", "str", "bool", "constrained-int"})


def _keys(model: type[BaseModel], where: Path) -> list[str]:
    """Return the keys that the model at path `where` below `model` knows."""
    current: Any = model
    for part in where:
        current = _descend(current, part)
    fields = getattr(current, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _descend(annotation: Any, part: str | int) -> Any:
    fields = getattr(annotation, "model_fields", None)
    if fields is not None:
        return _plain(fields[str(part)].annotation) if str(part) in fields else None
    arguments = [a for a in get_args(annotation) if a is not Ellipsis]
    return _plain(arguments[-1]) if arguments else None


def _plain(annotation: Any) -> Any:
    """Strip `| None`."""
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        return next((a for a in get_args(annotation) if a is not type(None)), None)
    return annotation
