"""The folder of the registry: `runs/<run>.json`, one record each, written only by its run and always complete."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.core.errors import Problem, UserError, nearest
from app.core.files import write_json
from app.core.system import now
from app.core.validation import problems
from registry.notes import Notes, read_notes, read_remarks
from registry.record import Record


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
    """Read the record of a run; raises UserError when there is none or the file is damaged.

    One that says running, but whose processes ran on this machine and have died, is returned as interrupted.
    """
    path = path_of(root, run)
    try:
        record = Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        known = sorted(path.stem for path in (root / "runs").glob("*.json"))
        what = "no such run in the registry"
        raise UserError(Problem(what, (str(path),), nearest=nearest(run, known), received=run)) from None
    except ValidationError as error:
        mistakes = []
        for problem in problems(error, Record):
            place = ".".join(map(str, problem.where))
            what = f"damaged record: {place}: {problem.what}" if place else f"damaged record: {problem.what}"
            mistakes.append(replace(problem, what=what, where=(str(path),)))
        raise UserError(*mistakes) from None
    if record.run != run:
        what = "damaged record: run: not the name of its file"
        raise UserError(Problem(what, (str(path),), expected=repr(run), received=record.run))
    return changed(record, state="interrupted", reason=record.died, updated=record.updated) if record.died else record


def find(root: Path, run: str) -> Record | None:
    """Return the record of a run, or None when it has none; a damaged one is an error as in `read`."""
    return read(root, run) if path_of(root, run).exists() else None


def changed(record: Record, **changes: Any) -> Record:
    """Return the record with `changes`, validated; times and reason follow a change of state."""
    state = changes.get("state", record.state)
    facts: dict[str, Any] = {"updated": now()}
    if state != record.state:
        facts["reason"], facts["processes"] = "", ()
        facts["finished"] = facts["updated"] if state in ("done", "failed") else None
    if state == "running" and record.started is None:
        facts["started"] = facts["updated"]
    return Record.model_validate({**dict(record), **facts, **changes})


def read_all(root: Path) -> Contents:
    """Read the whole folder; damaged files are listed separately and hide nothing else."""
    records: dict[str, Record] = {}
    notes: dict[str, Notes] = {}
    damaged: dict[str, str] = {}
    for path in [*sorted((root / "runs").glob("*.json")), *sorted((root / "notes").glob("*.md"))]:
        place = path.relative_to(root).as_posix()
        try:
            if path.suffix == ".json":
                records[path.stem] = read(root, path.stem)
            else:
                notes[path.stem] = read_notes(path)
        except UserError as error:  # the line must not depend on where the registry lies
            damaged[place] = str(replace(error.problems[0], where=error.problems[0].where[1:]))
        except OSError as error:
            damaged[place] = f"cannot be read ({error.strerror})"
    return Contents(tuple(records.values()), damaged, notes, read_remarks(root))
