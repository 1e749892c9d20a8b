"""What is going on: trainings with their curves so far, runs that are held with their reason, runs that wait."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.report.section import Section, read_section
from registry.store import Contents

WAITING = ("queued", "idle", "evicted", "resubmitted")


@dataclass(frozen=True)
class Now:
    """The runs that have not ended.

    Attributes:
        running: those at work.
        held: those that the pool holds, with what to do about it, "" where that is not known.
        waiting: those that wait for the pool.
        stamp: changes when a run begins, ends or gets a result; not with every epoch.
    """

    running: Sequence[Section]
    held: Sequence[tuple[Section, str]]
    waiting: Sequence[Section]
    stamp: str


def look(contents: Contents, runs: Path, remedies: Mapping[str, str]) -> Now:
    """Return what is going on.

    Args:
        contents: of the registry.
        runs: the folder of the runs.
        remedies: what to do about held runs, by their name.
    """
    active = [r for r in contents.records if r.state in ("running", "held", *WAITING)]
    sections = [read_section(record, runs) for record in active]
    states = sorted((r.run, r.state, str(r.value), r.fingerprint) for r in contents.records)
    return Now(
        running=[s for s in sections if s.record.state == "running"],
        held=[(s, remedies.get(s.record.run, "")) for s in sections if s.record.state == "held"],
        waiting=[s for s in sections if s.record.state in WAITING],
        stamp=hashlib.sha256(repr((states, sorted(contents.damaged))).encode()).hexdigest()[:16],
    )
