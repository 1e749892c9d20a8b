"""From files to jobs: "extends", --set, sweeps and the paths inside, with every mistake of a file reported at once."""

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from app.config.job import Job
from app.config.search_space import MISSING, POSITION, value_at
from app.core import strict_json
from app.core.errors import Problem, UserError, nearest
from app.core.paths import check_path
from app.core.types import Strict
from app.core.validation import problems

Content = dict[str, Any]
"""The content of a JSON object."""
Values = Annotated[tuple[Any, ...] | dict[str, Any], Field(min_length=1)]
"""The values of a path in a sweep: a list, or an object from the texts that the name shows to the values."""
MOST_JOBS = 10_000
"""Of a sweep, all of which are checked before the first begins."""
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
    """Read a job or sweep file and return its jobs, all of them validated; a job without a name has that of its file.

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
    if "sweep" in content:
        contents = _expand_sweep(content, path)
    else:
        contents = [{"name": path.stem, **_resolve_extends(content, path)}]
    for text in overrides:
        keys, value = parse_override(text)
        for job in contents:
            try:
                assign(job, keys, value)
            except UserError as error:
                raise error.under("--set") from None
    jobs, mistakes = list[Job](), list[Problem]()
    for job in contents:
        try:
            jobs.append(parse(job, path.stem if len(contents) == 1 else f"{path.stem}:{job.get('name')}"))
        except UserError as error:
            mistakes += error.problems
    if mistakes:
        raise UserError(*mistakes)
    refuse_equal_names(jobs, path)
    return jobs


def parse(content: Content, place: str = "job", context: str | None = None) -> Job:
    """Validate the content of a job file; raises UserError with every mistake in it.

    Args:
        content: the JSON object.
        place: what begins the places of the mistakes.
        context: OF_A_RUN for a job that has been run already.
    """
    try:
        return Job.model_validate_json(json.dumps(content), strict=True, context=context)
    except ValidationError as error:
        raise UserError(*problems(error, Job)).under(place) from None


def _resolve_extends(content: Content, path: Path, seen: tuple[Path, ...] = ()) -> Content:
    """Merge `content` into the file that it extends, and that into the one that it extends."""
    content = dict(content)
    parent = content.pop("extends", None)
    if parent is None:
        return content
    if not isinstance(parent, str):
        where = (str(path), "extends")
        raise UserError(Problem("not valid", where, expected="the path of a job file", received=parent))
    parent_path = check_path(path.parent / parent, (str(path), "extends")).resolve()
    if parent_path in seen:
        raise UserError(Problem("the files extend each other in a circle", (str(path), "extends"), received=parent))
    return merge(_resolve_extends(read(parent_path), parent_path, (*seen, parent_path)), content)


def merge(base: Content, changes: Mapping[str, Any]) -> Content:
    """Return `base` with `changes`: objects are merged key by key, lists and values replaced.

    An object that names another component than the base's replaces it whole: its parameters belong to the other one.
    """
    merged = dict(base)
    for key, new in changes.items():
        old: Any = base.get(key)
        if isinstance(old, str) and isinstance(new, dict):  # a short component
            old = {"name": old}
        same = isinstance(old, dict) and isinstance(new, dict) and new.get("name", old.get("name")) == old.get("name")
        merged[key] = merge(old, new) if same else new
    return merged


def _expand_sweep(content: Content, path: Path) -> list[Content]:
    try:
        sweep = Sweep.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise UserError(*problems(error, Sweep)).under(path.stem) from None
    job_path = check_path(path.parent / sweep.job, (path.stem, "job"))
    base = json.dumps(_resolve_extends(read(job_path), job_path))
    # Pairs of a text for the name, None where the value itself is shown, and a value.
    choices = [list(v.items()) if isinstance(v, dict) else [(None, value) for value in v] for v in sweep.sweep.values()]
    number = math.prod(map(len, choices))
    if number > MOST_JOBS:
        raise UserError(
            Problem("too many jobs", (path.stem, "sweep"), expected=f"at most {MOST_JOBS:,}", received=number)
        )
    try:
        return [_combine_values(json.loads(base), sweep, chosen) for chosen in itertools.product(*choices)]
    except UserError as error:
        raise error.under(path.stem) from None


def _combine_values(content: Content, sweep: Sweep, chosen: Sequence[tuple[str | None, Any]]) -> Content:
    """Return one job of a sweep: the content with the chosen values, and the name that shows them."""
    texts = dict[str, str]()
    for where, (text, value) in zip(sweep.sweep, chosen, strict=True):
        if text is not None:
            texts[where] = text
        try:
            if where != WHOLE:
                assign(content, where.split("."), value)
            elif isinstance(value, dict):
                content = merge(content, value)
            else:
                expected = "an object that is merged into the job"
                raise UserError(Problem("not a part of a job", expected=expected, received=value))
        except UserError as error:
            raise error.under("sweep", where) from None
    if sweep.rationale is not None:
        content["rationale"] = sweep.rationale

    def show(match: re.Match[str]) -> str:
        if text := texts.get(match[1]):
            return text
        value = value_at(content, match[1], MISSING)
        if value is MISSING:
            raise UserError(
                Problem("no such path in the job", ("name",), expected="a path of the sweep", received=match[1])
            )
        value = value.get("name") if isinstance(value, dict) else value
        return "-".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

    content["name"] = re.sub(r"{([^}]*)}", show, sweep.name)
    return content


def refuse_equal_names(jobs: Sequence[Job], path: Path | None = None) -> None:
    """Raise UserError when two jobs would write to one run directory."""
    repeated = next((name for name, number in Counter(job.name for job in jobs).items() if number > 1), None)
    if repeated is not None:
        where = () if path is None else (path.stem, "name")
        expected = "a name of its own for each"
        raise UserError(Problem("two jobs have one name", where, expected=expected, received=repeated))


def is_workflow(content: Content) -> bool:
    """Whether a file is a workflow and not a job or sweep."""
    return "workflow" in content or "steps" in content


def read(path: Path) -> Content:
    """Return the JSON object in a file; raises UserError when there is none."""
    if not check_path(path, (str(path),)).is_file():
        what, folder = ("is a folder", path) if path.is_dir() else ("no such file", path.parent)
        near = sorted(p.name for p in folder.glob("*.json")) if folder.is_dir() else []
        expected = ", e.g. ".join(["a job file (JSON)", *(str(path / name) for name in near[:1] if folder == path)])
        raise UserError(Problem(what, (str(path),), nearest=nearest(path.name, near), expected=expected))
    try:
        content = strict_json.loads(path.read_text(encoding="utf-8-sig"))  # editors on Windows write a mark first
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise UserError(Problem(f"not JSON, {error.msg}", (place,))) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(Problem(f"cannot be read ({error})", (str(path),), expected="a job file (JSON)")) from None
    except UserError as error:
        raise error.under(str(path)) from None
    if not isinstance(content, dict):
        raise UserError(Problem("not a job", (str(path),), expected="a JSON object", received=content))
    return content


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Split `training.epochs=5` into its path and its value."""
    path, sign, value = text.partition("=")
    if not sign or not path:
        raise UserError(Problem("not an assignment", ("--set",), expected="path.to.key=value", received=text))
    try:
        return tuple(path.split(".")), strict_json.loads_or_text(value)
    except UserError as error:
        raise error.under("--set", path) from None


def assign(content: Content, path: Sequence[str], value: Any) -> None:
    """Set the value at `path`; a short component ("mse") on the way becomes {"name": "mse"}."""
    current: Any = content
    if len(path) > strict_json.DEPTH:
        raise UserError(Problem("nested too deeply", tuple(path[:1]), expected=f"at most {strict_json.DEPTH} levels"))
    for number, part in enumerate(path, start=1):
        key: Any = part
        if isinstance(current, list):
            if not POSITION.fullmatch(part) or int(part) >= len(current):
                expected = f"a position from 0 to {len(current) - 1}"
                raise UserError(Problem("no such list element", (part,), expected=expected, received=part))
            key = int(part)
        if number == len(path):
            current[key] = value
            return
        child = current[key] if isinstance(current, list) else current.get(key)
        if not isinstance(child, (dict, list)):
            child = {} if child is None else {"name": child}
            current[key] = child
        current = child
