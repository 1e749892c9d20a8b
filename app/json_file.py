"""The JSON object in a file, and what kind of file it is; a mistake in it is named with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.core.errors import Problem, UserError, nearest

Content = dict[str, Any]


def is_workflow(content: Content) -> bool:
    """Whether a file is a workflow and not a job or sweep."""
    return "workflow" in content or "steps" in content


def read(path: Path) -> Content:
    """Return the JSON object in a file; raises UserError when there is none."""
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.json")) if path.parent.is_dir() else []
        raise UserError(Problem("no such file", (str(path),), nearest(path.name, near), "a job file (JSON)"))
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise UserError(Problem(f"not JSON, {error.msg}", (place,))) from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(Problem(f"cannot be read ({error})", (str(path),), expected="a job file (JSON)")) from None
    except UserError as error:
        raise error.under(str(path)) from None
    if not isinstance(content, dict):
        raise UserError(Problem("not a job", (str(path),), expected="a JSON object", received=content))
    return content


def _without_repeats(pairs: list[tuple[str, Any]]) -> Content:
    """JSON lets a later key silently replace an earlier equal one; here that is a mistake."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise UserError(Problem(f"the key {repeated!r} stands twice in one object"))
    return content
