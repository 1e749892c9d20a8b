"""HTCondor's event log: one file for each cluster; it tells what became of every process, also while nobody looked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Phase = Literal["idle", "running", "held", "completed", "removed"]

SUBMIT, EXECUTE, EVICTED, TERMINATED, IMAGE_SIZE, SHADOW_EXCEPTION = 0, 1, 4, 5, 6, 7
ABORTED, HELD, RELEASED, LOST = 9, 12, 13, 24
HEAD = re.compile(r"^(\d{3}) \((\d+)\.(\d+)\.\d+\) (\S+ \S+?) (.*)$")
OLD_TIME = re.compile(r"^\d\d/\d\d \d\d:\d\d:\d\d$")


@dataclass(frozen=True)
class Event:
    """One event: its number in HTCondor's list, the process, the time (UTC), the rest of its text, the cluster."""

    kind: int
    process: int
    time: datetime
    text: str
    cluster: int = 0


@dataclass(frozen=True)
class History:
    """What the log tells of one process.

    Attributes:
        phase: where it stands.
        since: since when.
        starts: how often it was started on a worker.
        evictions: how often it was sent away.
        hold: code, subcode and HTCondor's words while it is held.
        exit_code: of its last end; None while it has none or when a signal ended it.
        signal: the signal that ended it.
        memory: the most MiB it was seen to use, in all of its starts.
        reason: why it was removed.
    """

    phase: Phase
    since: datetime
    starts: int = 0
    evictions: int = 0
    hold: tuple[int, int, str] | None = None
    exit_code: int | None = None
    signal: int | None = None
    memory: int | None = None
    reason: str = ""


def read(path: Path) -> dict[int, History]:
    """Return what the log tells of each process; a log that is not there tells nothing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    return histories(events(text))


def last_cluster(path: Path) -> int | None:
    """Return the cluster that a log tells of last; the node of a workflow that is repeated is a new one."""
    try:
        found = list(events(path.read_text(encoding="utf-8", errors="replace")))
    except FileNotFoundError:
        return None
    return found[-1].cluster if found else None


def histories(found: Iterable[Event]) -> dict[int, History]:
    """Fold events into what they tell of each process."""
    known: dict[int, History] = {}
    for event in found:
        known[event.process] = _after(known.get(event.process), event)
    return known


def events(text: str) -> Iterator[Event]:
    """Yield the events of a log; what is half written at its end is left for the next look."""
    for block in re.split(r"^\.\.\.[ \t]*$", text, flags=re.MULTILINE)[:-1]:
        head, _, rest = block.strip("\n").partition("\n")
        match = HEAD.match(head)
        time = match and _time(match[4])
        if match and time:
            yield Event(int(match[1]), int(match[3]), time, f"{match[5]}\n{rest}", int(match[2]))


def _time(text: str) -> datetime | None:
    """The log is written in the local time of the submit node; old versions leave out the year."""
    try:
        if OLD_TIME.match(text):
            now = datetime.now().astimezone()
            found = datetime.strptime(f"{now.year}/{text}", "%Y/%m/%d %H:%M:%S").astimezone(UTC)
            return found if found <= now else found.replace(year=now.year - 1)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def _after(before: History | None, event: Event) -> History:
    if before is None or event.kind == SUBMIT:  # of a process once, but a repeated node goes on in its old log
        before = History("idle", event.time)
    now, kind, text = event.time, event.kind, event.text
    if kind == IMAGE_SIZE:
        return replace(before, memory=_most(before.memory, _number(r"(\d+)\s+-\s+MemoryUsage", text)))
    if kind == EXECUTE:
        return replace(before, phase="running", since=now, starts=before.starts + 1, hold=None)
    if kind == EVICTED:
        return replace(_ended(before, text), phase="idle", since=now, evictions=before.evictions + 1)
    if kind in (RELEASED, SHADOW_EXCEPTION, LOST):
        return replace(before, phase="idle", since=now, hold=None)
    if kind == HELD:
        return replace(before, phase="held", since=now, hold=_hold(text))
    if kind == TERMINATED:
        return replace(_ended(before, text), phase="completed", since=now, hold=None)
    if kind == ABORTED:
        return replace(before, phase="removed", since=now, hold=None, reason=_words(text))
    return before


def _ended(before: History, text: str) -> History:
    return replace(before, exit_code=_number(r"return value (\d+)", text), signal=_number(r"signal (\d+)", text))


def _hold(text: str) -> tuple[int, int, str]:
    return _number(r"Code (\d+)", text) or 0, _number(r"Subcode (\d+)", text) or 0, _words(text)


def _words(text: str) -> str:
    """HTCondor's own words: the line below the event's head."""
    lines = [line.strip() for line in text.splitlines()[1:]]
    return next((line for line in lines if line and not re.match(r"Code \d+", line)), "")


def _number(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text)
    return int(match[1]) if match else None


def _most(one: int | None, other: int | None) -> int | None:
    found = [value for value in (one, other) if value is not None]
    return max(found) if found else None
