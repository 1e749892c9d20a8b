"""What a run does with the registry: appear, change, and carry remarks; the table follows each time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.errors import Problem, UserError
from app.core.files import not_written
from app.core.lock import locked
from registry import notes, store
from registry.readme import refresh
from registry.record import Record, describe_results

PROGRESS = frozenset({"epoch", "metrics", "resources"})
"""What changes in every epoch; the table follows it at most every `LATENCY` seconds."""
LATENCY = 30.0


def create(root: Path, record: Record, *, replace: bool = False) -> Record:
    """Register a run that appears for the first time, or again with `replace`.

    Raises:
        UserError: a run of this name is registered and `replace` was not asked for; nothing is overwritten.
    """
    return create_all(root, [record], replace=replace)[0]


def create_all(root: Path, records: Sequence[Record], *, replace: bool = False) -> list[Record]:
    """Register runs as `create` does: all of them, or none where one is refused."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(root, error) from None
    with locked(root / ".lock"):
        taken = [] if replace else [r.run for r in records if store.path_of(root, r.run).exists()]
        if taken:
            raise UserError(*(_taken(store.path_of(root, run), run) for run in taken))
        made = [store.changed(record, verdict=_verdict(record)) for record in records]
        for record in made:
            store.write(root, record)
    refresh(root)
    return made


def _taken(path: Path, run: str) -> Problem:
    expected = "another name, --resume or --overwrite"
    return Problem("a run of this name is registered already", (str(path),), expected=expected, received=run)


def follow(root: Path, news: Sequence[tuple[Record, Mapping[str, Any]]]) -> list[Record]:
    """Write what the pool says about runs: pairs of the record as it was read and what changes in it.

    A run that wrote since its record was read knows better: its news are dropped. One that writes in the very moment
    wins or loses; whoever looks at the pool next puts it right.
    """
    with locked(root / ".lock"):
        current = [(seen, changes) for seen, changes in news if store.find(root, seen.run) == seen]
        made = [store.changed(seen, **changes) for seen, changes in current]
        for record in made:
            store.write(root, record)
    if made:
        refresh(root)
    return made


def restore(root: Path, before: Mapping[str, Record | None]) -> None:
    """Put back the records of runs whose submission was refused; None: there was none."""
    with locked(root / ".lock"):
        for run, record in before.items():
            if record is None:
                store.path_of(root, run).unlink(missing_ok=True)
            else:
                store.write(root, record)
    refresh(root)


def update(root: Path, run: str, **changes: Any) -> Record:
    """Change the record of a run; only the run itself, one process, may call this.

    `updated`, `started` and `finished` follow by themselves, `reason` is forgotten when the state changes, `verdict` is
    written from `value` and `baselines` unless it is given. The table follows at once, or within half a minute where
    only progress changed.
    """
    record = store.changed(store.read(root, run), **changes)
    if "verdict" not in changes:
        record = record.model_copy(update={"verdict": _verdict(record)})
    store.write(root, record)
    if not (changes.keys() <= PROGRESS and _recent(root / "README.md")):
        refresh(root)
    return record


def note(root: Path, run: str, text: str) -> None:
    """Add a remark on a run by hand, at any time, from any process.

    Raises:
        UserError: no such run, or no text.
    """
    if not text.strip():
        raise UserError(Problem("an empty note", ("note",), expected="some text"))
    if not store.path_of(root, run).exists():
        store.read(root, run)
    notes.add_remark(root, run, text)
    refresh(root)


def _verdict(record: Record) -> str:
    if record.value is None and record.state != "done":
        return record.verdict
    return describe_results(record.results)


def _recent(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < LATENCY
    except FileNotFoundError:
        return False
