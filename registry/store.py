"""The folder of the registry: `runs/<run>.json`, one record each, written by its run alone and always whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from app.core.errors import Problem, UserError, nearest
from app.core.files import write_json
from app.core.validation import problems
from registry.notes import Notes, read_notes, read_remarks
from registry.record import Record, now

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Contents:
    """Everything that the registry shows.

    Args:
        records: the readable records, by run name.
        damaged: one line for each file that cannot be read, by its path inside the registry.
        notes: the hand-written text of each application.
        remarks: the hand-written text of each run.
    """

    records: tuple[Record, ...] = ()
    damaged: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Notes] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)


def path_of(root: Path, run: str) -> Path:
    """Return the file of a run."""
    return root / "runs" / f"{run}.json"


def write(root: Path, record: Record) -> None:
    """Write a record; a reader sees the old one or the new one."""
    path = path_of(root, record.run)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record.model_dump(mode="json"))


def read(root: Path, run: str) -> Record:
    """Read the record of a run; raises UserError when there is none or the file is damaged."""
    path = path_of(root, run)
    try:
        record = Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(_unregistered(root, run)) from None
    except ValidationError as error:
        raise UserError(*(_damaged(path, problem) for problem in problems(error, Record))) from None
    if record.run != run:
        raise UserError(
            Problem(
                "damaged record: run: not the name of its file", (str(path),), expected=repr(run), received=record.run
            )
        )
    return record


def find(root: Path, run: str) -> Record | None:
    """Return the record of a run, or None when it has none; a damaged one is an error as in `read`."""
    return read(root, run) if path_of(root, run).exists() else None


def _unregistered(root: Path, run: str) -> Problem:
    known = sorted(path.stem for path in (root / "runs").glob("*.json"))
    return Problem("no such run in the registry", (str(path_of(root, run)),), nearest=nearest(run, known), received=run)


def _damaged(path: Path, problem: Problem) -> Problem:
    place = ".".join(map(str, problem.where))
    return Problem(
        f"damaged record: {place}: {problem.what}" if place else f"damaged record: {problem.what}",
        (str(path),),
        nearest=problem.nearest,
        expected=problem.expected,
        received=problem.received,
    )


def changed(record: Record, **changes: Any) -> Record:
    """Return the record with `changes`, validated; times and reason follow a change of state."""
    state = changes.get("state", record.state)
    facts: dict[str, Any] = {"updated": now()}
    if state != record.state:
        facts["reason"] = ""
        facts["finished"] = facts["updated"] if state in ("done", "failed") else None
    if state == "running" and record.started is None:
        facts["started"] = facts["updated"]
    return Record.model_validate({**dict(record), **facts, **changes})


def read_all(root: Path) -> Contents:
    """Read the whole folder; what is damaged is set aside and named, and hides nothing else."""
    records: dict[str, Record] = {}
    notes: dict[str, Notes] = {}
    damaged: dict[str, str] = {}
    for path in sorted((root / "runs").glob("*.json")):
        _take(root, path, lambda path: read(root, path.stem), records, damaged)
    for path in sorted((root / "notes").glob("*.md")):
        _take(root, path, read_notes, notes, damaged)
    return Contents(tuple(records.values()), damaged, notes, read_remarks(root))


def _take(root: Path, path: Path, load: Callable[[Path], Kind], into: dict[str, Kind], damaged: dict[str, str]) -> None:
    """Load one file; the words about a damaged one do not depend on where the registry lies."""
    try:
        into[path.stem] = load(path)
    except UserError as error:
        damaged[path.relative_to(root).as_posix()] = str(replace(error.problems[0], where=error.problems[0].where[1:]))
    except OSError as error:
        damaged[path.relative_to(root).as_posix()] = f"cannot be read ({error.strerror})"
