"""Values of a job that are changed by path: `--set training.epochs=5`, sweeps, searches."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from app.core.errors import Problem, UserError

Content = dict[str, Any]
"""What a JSON object holds."""


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Split `training.epochs=5` into its path and its value."""
    path, sign, value = text.partition("=")
    if not sign or not path:
        raise UserError(Problem("not an assignment", ("--set",), expected="path.to.key=value", received=text))
    try:
        return tuple(path.split(".")), json.loads(value)
    except json.JSONDecodeError:
        return tuple(path.split(".")), value


def apply_override(content: Content, text: str) -> None:
    """Carry out one `path.to.key=value`; raises UserError naming --set and the path."""
    path, value = parse_override(text)
    try:
        assign(content, path, value)
    except UserError as error:
        raise error.under("--set") from None


def assign(content: Content, path: Sequence[str], value: Any) -> None:
    """Set the value at `path`; a short component ("mse") on the way becomes {"name": "mse"}."""
    current: Any = content
    for part in path[:-1]:
        below = _child(current, part)
        if not isinstance(below, (dict, list)):
            below = {} if below is None else {"name": below}
            current[_index(current, part)] = below
        current = below
    current[_index(current, path[-1])] = value


def _child(current: Any, part: str) -> Any:
    return current[_index(current, part)] if isinstance(current, list) else current.get(part)


def _index(current: Any, part: str) -> Any:
    if not isinstance(current, list):
        return part
    if not re.fullmatch(r"\d+", part) or int(part) >= len(current):
        expected = f"a position from 0 to {len(current) - 1}"
        raise UserError(Problem("no such list element", (part,), expected=expected, received=part))
    return int(part)
