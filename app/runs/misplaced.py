"""Runs whose directory is gone, was moved or was copied by hand, and how their names are repaired."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import registry
from app.core.errors import UserError
from app.core.files import read_json, write_json
from app.core.lock import locked
from app.runs.directory import RunDirectory
from app.runs.drift import Drift, Misnamed
from app.runs.record import folder_of

ENDED = ("done", "failed", "interrupted")


def find_misnamed(run: RunDirectory, known: Mapping[str, registry.Record]) -> Misnamed | None:
    """Return what a directory is called in its job.json, where that is another name.

    Args:
        run: a directory with a job.json.
        known: the records by name.
    """
    try:
        old = read_json(run.job).get("name")
    except UserError:
        return None
    if not isinstance(old, str) or old == run.name:
        return None
    record, place = known.get(old), RunDirectory(run.path.parent / old)
    is_own = record is not None and record.state != "removed" and run.name not in known
    return Misnamed(run, old, is_moved=is_own and not place.job.exists())


def describe(misnamed: Misnamed, is_known: bool) -> str:
    """Return what happened, and the command that repairs it."""
    name, old = misnamed.run.name, misnamed.old
    if misnamed.is_moved:
        return f"the run {old} was moved here; wirechamber registry --repair renames its record"
    if is_known:
        return f"its job.json calls it {old}; wirechamber registry --repair gives it its own name"
    copied = f"a copy of the run {old}, and not in the registry"
    return f"{copied}; wirechamber registry --repair adds it, wirechamber remove {name} removes it"


def find_vanished(records: Iterable[registry.Record], found: Iterable[Misnamed], runs: Path) -> list[Drift]:
    """Return the runs that were made in this folder of this machine and have no directory there.

    Args:
        records: all records.
        found: those that were moved are there.
        runs: the folder of the runs.
    """
    moved, here = {one.old for one in found if one.is_moved}, folder_of(runs)
    return [
        Drift(r.run, f"{r.state} in the registry, but {place} is gone; wirechamber remove {r.run} writes that down")
        for r in records
        if r.folder == here and r.state in ENDED and r.run not in moved and not (place := runs / r.run).is_dir()
    ]


def give_name(run: RunDirectory, old: str, name: str, with_record: bool = True) -> None:
    """Give the job of a run another name, and its record and the notes on it as well.

    Raises:
        LockTaken: a process works on the run.
    """
    with locked(run.lock, wait=0.0):
        write_json(run.job, {**read_json(run.job), "name": name})
        if with_record:
            registry.rename(registry.root(), old, name)
