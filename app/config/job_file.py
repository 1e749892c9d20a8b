"""From files to jobs: "extends", --set, sweeps and the paths inside, with every mistake of a file reported at once."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from app.config.job import Job
from app.config.overrides import Content, apply_override, assign
from app.core.errors import Problem, UserError, nearest
from app.core.types import Strict
from app.core.validation import problems

Values = Annotated[tuple[Any, ...] | dict[str, Any], Field(min_length=1)]
"""What a path of a sweep takes: a list, or an object from the words of the name to the values."""


WHOLE = "*"
"""The path of a sweep whose values are merged into the whole job: several keys that change together."""


class Sweep(Strict):
    """A job and the values that some of its paths take; every combination is one job."""

    schema_: str | None = Field(None, alias="$schema")
    job: str
    sweep: Annotated[dict[str, Values], Field(min_length=1)] = Field(
        description='values by path; under "*" parts of a job that are merged into it, for keys that change together'
    )
    name: str = Field(
        description='of each job, with the paths that tell them apart: "mlp_{model.preset}"; a value is called as '
        "it is written, or as the sweep says: {word: value, ...} in place of [value, ...]"
    )
    rationale: str | None = Field(None, description="default: the job's own")


def load(path: Path | str, overrides: Sequence[str] = ()) -> list[Job]:
    """Read a job or sweep file and return its jobs, all of them validated.

    Args:
        path: the JSON file.
        overrides: `path.to.key=value` assignments, the value as JSON or else as text.

    Raises:
        UserError: with every mistake of the file, each under its JSON path.
    """
    path = Path(path)
    content = read(path)
    if is_workflow(content):
        expected = "a job or sweep; workflows go to run, submit and validate"
        raise UserError(Problem("a workflow", (str(path),), expected=expected))
    contents = _expand(content, path) if "sweep" in content else [_extended(content, path)]
    for text in overrides:
        for one in contents:
            apply_override(one, text)
    jobs = _all([(one, path) for one in contents])
    refuse_equal_names(jobs, path)
    return jobs


def parse(content: Content, place: str = "job") -> Job:
    """Validate the content of a job file; raises UserError with every mistake in it."""
    try:
        return Job.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise UserError(*problems(error, Job)).under(place) from None


def _all(contents: Sequence[tuple[Content, Path]]) -> list[Job]:
    jobs: list[Job] = []
    found: list[Problem] = []
    for content, path in contents:
        try:
            jobs.append(parse(content, path.stem if len(contents) == 1 else f"{path.stem}:{content.get('name')}"))
        except UserError as error:
            found += error.problems
    if found:
        raise UserError(*found)
    return jobs


def _extended(content: Content, path: Path, seen: tuple[Path, ...] = ()) -> Content:
    """Merge `content` into the file that it extends, and that into the one that it extends."""
    content = dict(content)
    parent = content.pop("extends", None)
    if parent is None:
        return content
    if not isinstance(parent, str):
        raise UserError(
            Problem("not valid", (str(path), "extends"), expected="the path of a job file", received=parent)
        )
    parent_path = (path.parent / parent).resolve()
    if parent_path in seen:
        raise UserError(Problem("the files extend each other in a circle", (str(path), "extends"), received=parent))
    return merge(_extended(read(parent_path), parent_path, (*seen, parent_path)), content)


def merge(base: Content, changes: Mapping[str, Any]) -> Content:
    """Return `base` with `changes`: objects are merged key by key, lists and values replaced.

    An object that names another component than the base's replaces it whole: its parameters belong to the other one.
    """
    return {**base, **{key: _merged(base.get(key), value) for key, value in changes.items()}}


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, str) and isinstance(new, dict):  # a short component
        old = {"name": old}
    same = isinstance(old, dict) and isinstance(new, dict) and new.get("name", old.get("name")) == old.get("name")
    return merge(old, new) if same else new


def _expand(content: Content, path: Path) -> list[Content]:
    try:
        sweep = Sweep.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise UserError(*problems(error, Sweep)).under(path.stem) from None
    job_path = path.parent / sweep.job
    base = json.dumps(_extended(read(job_path), job_path))
    try:
        combinations = itertools.product(*map(_named, sweep.sweep.values()))
        return [_one(json.loads(base), sweep, chosen) for chosen in combinations]
    except UserError as error:
        raise error.under(path.stem) from None


def _named(values: tuple[Any, ...] | dict[str, Any]) -> list[tuple[str | None, Any]]:
    """Return (word, value) pairs; the word is None where the value speaks for itself."""
    return list(values.items()) if isinstance(values, dict) else [(None, value) for value in values]


def _one(content: Content, sweep: Sweep, chosen: Sequence[tuple[str | None, Any]]) -> Content:
    words = {where: word for where, (word, _) in zip(sweep.sweep, chosen, strict=True) if word is not None}
    for where, (_, value) in zip(sweep.sweep, chosen, strict=True):
        try:
            content = _with(content, where, value)
        except UserError as error:
            raise error.under("sweep", where) from None
    if sweep.rationale is not None:
        content["rationale"] = sweep.rationale
    content["name"] = re.sub(r"{([^}]*)}", lambda match: words.get(match[1]) or _shown(content, match[1]), sweep.name)
    return content


def _with(content: Content, where: str, value: Any) -> Content:
    if where != WHOLE:
        assign(content, where.split("."), value)
        return content
    if not isinstance(value, dict):
        raise UserError(
            Problem("not a part of a job", (), expected="an object that is merged into the job", received=value)
        )
    return merge(content, value)


def _shown(content: Content, where: str) -> str:
    current: Any = content
    for part in where.split("."):
        if not isinstance(current, dict) or part not in current:
            raise UserError(
                Problem("no such path in the job", ("name",), expected="a path of the sweep", received=where)
            )
        current = current[part]
    name = current.get("name") if isinstance(current, dict) else current
    return "-".join(map(str, name)) if isinstance(name, (list, tuple)) else str(name)


def refuse_equal_names(jobs: Sequence[Job], path: Path | None = None) -> None:
    """Raise UserError when two jobs would write to one run directory."""
    names = [job.name for job in jobs]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        where = () if path is None else (path.stem, "name")
        raise UserError(
            Problem("two jobs have one name", where, expected="a name of its own for each", received=repeated)
        )


def is_workflow(content: Content) -> bool:
    """Whether a file is a workflow and not a job or sweep."""
    return "workflow" in content or "steps" in content


def read(path: Path) -> Content:
    """Return the JSON object in a file; raises UserError when there is none."""
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.json")) if path.parent.is_dir() else []
        raise UserError(
            Problem("no such file", (str(path),), nearest=nearest(path.name, near), expected="a job file (JSON)")
        )
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
        raise UserError(Problem(f"duplicate key {repeated!r}"))
    return content
