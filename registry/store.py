"""The folder of the registry: `runs/<run>.json`, one record each, written only by its run and always complete."""

import functools
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.core.errors import Problem, UserError, nearest
from app.core.files import write_error, write_json
from app.core.passwords import hide_passwords
from app.core.system import now
from app.core.types import NAMES
from app.core.validation import problems
from registry import memory
from registry.memory import Version
from registry.notes import Notes, read_notes, read_remark
from registry.record import Record

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contents:
    """Everything that the registry shows.

    Args:
        records: the readable records, by run name.
        damaged: one line for each file that cannot be read, by its path inside the registry.
        notes: the hand-written text of each application.
        remarks: the hand-written text of each run.
        died: the names of the runs that still say running in their files, and have died.
    """

    records: tuple[Record, ...] = ()
    damaged: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Notes] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    died: tuple[str, ...] = ()

    def warn(self, root: Path) -> None:
        """Name the files that cannot be read in the log, one line each; they hide nothing else."""
        for path, line in self.damaged.items():
            _warn(f"{root / path}: {line}")


def path_of(root: Path, run: str) -> Path:
    """Return the file of a run; raises UserError where no run can have this name."""
    NAMES.check(run)
    return root / "runs" / f"{run}.json"


def write(root: Path, record: Record) -> None:
    """Write a record; a reader sees the old one or the new one."""
    path = path_of(root, record.run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path.parent, error) from None
    write_json(path, hide_passwords(record.model_dump(mode="json")))


def read(root: Path, run: str) -> Record:
    """Read the record of a run; raises UserError when there is none, or the file is damaged or cannot be read.

    One that says running, but whose processes ran on this machine and have died, is returned as interrupted.
    """
    return as_ended(_read_file(root, run))


def as_ended(record: Record) -> Record:
    """Return a record that says running as interrupted where its processes ran on this machine and have died."""
    return changed(record, state="interrupted", reason=record.died, updated=record.updated) if record.died else record


def _read_file(root: Path, run: str) -> Record:
    path = path_of(root, run)
    try:
        record = Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        if path.is_symlink():
            what = "damaged record: a link to a file that is not there"
            raise UserError(Problem(what, (str(path),), expected="the file as it was written")) from None
        known = sorted(path.stem for path in (root / "runs").glob("*.json"))
        what = "no such run in the registry"
        raise UserError(Problem(what, (str(path),), nearest=nearest(run, known), received=run)) from None
    except OSError as error:
        what = f"damaged record: cannot be read ({error.strerror or error})"
        raise UserError(Problem(what, (str(path),), expected="the file as it was written")) from None
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
    return record


def find(root: Path, run: str) -> Record | None:
    """Return the record of a run, or None when it has none; a damaged one is an error as in `read`."""
    try:
        path_of(root, run).lstat()
    except FileNotFoundError:
        return None
    except OSError:  # a closed folder, which is named below
        pass
    return read(root, run)


def find_or_warn(root: Path, run: str) -> Record | None:
    """As `find`, but a damaged record is a warning in one line, and counts as none."""
    try:
        return find(root, run)
    except UserError as error:
        _warn(str(error.problems[0]))
        return None


@functools.cache
def _warn(line: str) -> None:
    """Log a line once: a run looks at the whole folder every half minute."""
    logger.warning(line)


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


def versions(root: Path) -> dict[str, Version]:
    """Return what identifies the version of each file, by its place in the registry and in the order of the names.

    An atomic rename gives every version its own inode. Of a file or folder that cannot be looked at it is empty.
    """
    found: dict[str, Version] = {}
    for folder, suffix in (("runs", ".json"), ("notes", ".md"), ("notes/runs", ".md")):
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        except OSError:
            found[folder] = ()
            continue
        for entry in entries:
            if not entry.name.endswith(suffix):
                continue
            try:
                facts = entry.stat()
            except OSError:
                found[f"{folder}/{entry.name}"] = ()
            else:
                version = (facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size)
                found[f"{folder}/{entry.name}"] = version
    return found


def _read_again(root: Path, run: str, version: Version) -> Record:
    """Return the record of a run, the one of the last time where its file has not changed since."""
    record = memory.recall(root, run, version)
    if record is None:
        record = _read_file(root, run)
        memory.remember(root, run, version, record)
    return record


def read_all(root: Path, known: Mapping[str, Version] | None = None) -> Contents:
    """Read the whole folder; damaged files are listed separately and hide nothing else.

    Args:
        root: the registry's folder.
        known: what `versions` said of it a moment ago.
    """
    records: dict[str, Record] = {}
    notes: dict[str, Notes] = {}
    damaged: dict[str, str] = {}
    remarks: dict[str, str] = {}
    died: list[str] = []
    for place, version in (versions(root) if known is None else known).items():
        folder, _, file = place.rpartition("/")
        name = file.rpartition(".")[0]
        try:
            if not name:  # a folder that cannot be looked at
                os.listdir(root / place)  # noqa: PTH208 - raises the reason
            elif folder == "runs":
                record = _read_again(root, name, version)
                records[name] = as_ended(record)
                died += [name] if records[name] is not record else []
            elif folder == "notes":
                notes[name] = read_notes(root / place)
            else:
                remarks[name] = read_remark(root / place)
        except UserError as error:  # the line must not depend on where the registry lies
            damaged[place] = str(replace(error.problems[0], where=error.problems[0].where[1:]))
        except OSError as error:
            damaged[place] = f"cannot be read ({error.strerror})"
    return Contents(tuple(records.values()), damaged, notes, remarks, tuple(died))


def write_ends(root: Path, runs: Iterable[str]) -> None:
    """Write down that runs were interrupted, where that is still so; the lock of the registry is held."""
    for run in runs:
        record = _read_file(root, run)
        if record.died:
            write(root, as_ended(record))
