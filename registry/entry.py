"""What a run does with the registry: appear, change, and carry remarks; `README.md` is rewritten each time."""

import contextlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.errors import Problem, UserError, WirechamberError
from app.core.files import write_error, write_text
from app.core.lock import LeaseLost, LockTaken, locked
from app.core.parts import remove, sweep
from registry import memory, notes, store
from registry.record import Record, describe_results
from registry.table import render

logger = logging.getLogger(__name__)

PROGRESS = frozenset({"epoch", "metrics", "resources"})
"""These fields change in every epoch; the table follows them at most every `LATENCY` seconds."""
LATENCY = 30.0
ROUNDS = 10
"""How often the table is written again because a record changed meanwhile."""


def check_writable(root: Path) -> None:
    """Raise NotWritten, or LockTaken, unless a record can be written now."""
    probe = root / "runs" / ".writable"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(probe.parent, error) from None
    with locked(root / ".lock"):
        write_text(probe, "")
        remove(probe)


def create(root: Path, record: Record, *, replace: bool = False) -> Record:
    """Register a run that appears for the first time, or again with `replace`.

    Raises:
        UserError: a run of this name is registered and `replace` was not given; nothing is overwritten.
    """
    return create_all(root, [record], replace=replace)[0]


def create_all(root: Path, records: Sequence[Record], *, replace: bool = False) -> list[Record]:
    """Register runs as `create` does: all of them, or none where one is refused."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(root, error) from None
    what, expected = "a run of this name is registered already", "another name, --resume or --overwrite"
    with locked(root / ".lock"):
        sweep(root)
        sweep(root / "runs")
        paths = {} if replace else {record.run: store.path_of(root, record.run) for record in records}
        taken = {run: path for run, path in paths.items() if os.path.lexists(path)}
        if taken:
            raise UserError(*(Problem(what, (str(p),), expected=expected, received=run) for run, p in taken.items()))
        created = [store.changed(record, verdict=_verdict(record)) for record in records]
        for record in created:
            store.write(root, record)
    refresh(root)
    return created


def follow(root: Path, news: Sequence[tuple[Record, Mapping[str, Any]]]) -> list[Record]:
    """Write what the pool says about runs: pairs of the record as it was read and what changes in it.

    A run that has written since its record was read knows better: its news are dropped. If it writes at the very same
    moment, either may win; the next look at the pool corrects it.
    """
    with locked(root / ".lock"):
        current = [(seen, changes) for seen, changes in news if store.find(root, seen.run) == seen]
        records = [store.changed(seen, **changes) for seen, changes in current]
        for record in records:
            store.write(root, record)
    if records:
        refresh(root)
    return records


def restore(root: Path, before: Mapping[str, Record | None]) -> None:
    """Put back the records of runs whose submission was refused; None: there was no record."""
    with locked(root / ".lock"):
        for run, record in before.items():
            if record is None:
                remove(store.path_of(root, run))
            else:
                store.write(root, record)
    refresh(root)


def update(root: Path, run: str, **changes: Any) -> Record:
    """Change the record of a run; only the run itself, one process, may call this.

    `updated`, `started` and `finished` follow by themselves, `reason` is cleared when the state changes, `verdict` is
    written from `value` and `baselines` unless it is given. The table follows at once, or within half a minute where
    only progress changed.
    """
    record = update_record(root, run, **changes)
    page = root / "README.md"
    recent = page.exists() and abs(time.time() - page.stat().st_mtime) < LATENCY
    if not (changes.keys() <= PROGRESS and recent):
        refresh(root)
    return record


def begin(root: Path, run: str, **changes: Any) -> Record:
    """Do as `update` when a process takes up a run, under the lock: nobody may write down now that the run has died."""
    with locked(root / ".lock"):
        record = update_record(root, run, **changes)
    refresh(root)
    return record


def settle(root: Path) -> None:
    """Write down, before a command shows runs, that those were interrupted whose process has died without a word.

    Where that cannot be written, in another user's registry or while another process writes, it is only shown.
    """
    died = store.read_all(root).died
    if died:
        with contextlib.suppress(WirechamberError, OSError):
            with locked(root / ".lock", wait=0.0):
                store.write_ends(root, died)
            refresh(root)


def update_record(root: Path, run: str, **changes: Any) -> Record:
    """Do as `update` without the table, whose lock may be held: the next change of any run writes it."""
    record = store.changed(store.read(root, run), **changes)
    if "verdict" not in changes:
        record = record.model_copy(update={"verdict": _verdict(record)})
    store.write(root, record)
    return record


def rename(root: Path, run: str, name: str) -> None:
    """Give a record, and the remarks on its run, another name; a run without a record has nothing to rename.

    The new record is written before the old one is removed.
    """
    with locked(root / ".lock"):
        record, remarks = store.find(root, run), [root / "notes" / "runs" / f"{each}.md" for each in (run, name)]
        if record is not None:
            store.write(root, record.model_copy(update={"run": name}))
        if remarks[0].exists():
            remarks[0].rename(remarks[1])
        if record is not None:
            remove(store.path_of(root, run))
    refresh(root)


def note(root: Path, run: str, text: str) -> None:
    """Add a remark of a person on a run, at any time, from any process.

    Raises:
        UserError: no such run, or no text.
    """
    if not text.strip():
        raise UserError(Problem("an empty note", ("note",), expected="some text"))
    if not os.path.lexists(store.path_of(root, run)):
        store.read(root, run)  # raises the error that names the nearest run
    notes.add_remark(root, run, text)
    refresh(root)


def refresh(root: Path) -> None:
    """Write README.md from the contents of the folder, until nothing changed during the writing.

    A training must not fail because the table is late: a lock that stays taken, or a full disk, is reported in the log,
    and the next run that changes anything writes the table with this run in it. The rounds are bounded for the same
    reason: everyone who changes the folder calls this afterwards.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / ".lock"):
            for _ in range(ROUNDS):
                before = store.versions(root)
                contents = store.read_all(root, before)
                contents.warn(root)
                store.write_ends(root, contents.died)
                write_text(root / "README.md", render(contents))
                if store.versions(root) == before:
                    break
            memory.write_index(root)
    except (LockTaken, LeaseLost, OSError) as error:
        logger.warning("the registry's table is not up to date: %s", error)


def _verdict(record: Record) -> str:
    """Return the verdict on a run that has a value or is done; before that it keeps the one that it has."""
    if record.value is None and record.state != "done":
        return record.verdict
    return record.caution + describe_results(record.results)
