"""HTCondor's event log: one file for each cluster; it says what happened to every process, also while nobody looked."""

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
    """What the log says about one process.

    Attributes:
        phase: its present phase.
        since: when that phase began.
        starts: how often it was started on a worker.
        evictions: how often it was evicted.
        hold: code, subcode and HTCondor's reason while it is held.
        exit_code: exit code of its last end; None before it and when a signal ended it.
        signal: the signal that ended it.
        memory: the most MiB that it was seen to use, in all of its starts.
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
    """Return the history of each process in a log; empty where there is no log."""
    return histories(read_events(path))


def last_cluster(path: Path) -> int | None:
    """Return the cluster of the last event in a log; a node of a workflow that is repeated is a new cluster."""
    events = read_events(path)
    return events[-1].cluster if events else None


def read_events(path: Path) -> list[Event]:
    """Return the events of a log; none where there is no log."""
    try:
        return list(parse_events(path.read_text(encoding="utf-8", errors="replace")))
    except FileNotFoundError:
        return []


def histories(events: Iterable[Event]) -> dict[int, History]:
    """Fold events into the history of each process."""
    known: dict[int, History] = {}
    for event in events:
        known[event.process] = advance(known.get(event.process), event)
    return known


def parse_events(text: str) -> Iterator[Event]:
    """Yield the events of a log; an event that is half written at its end is left for the next look."""
    for block in re.split(r"^\.\.\.[ \t]*$", text, flags=re.MULTILINE)[:-1]:
        head, _, rest = block.strip("\n").partition("\n")
        match = HEAD.match(head)
        time = match and parse_time(match[4])
        if match and time:
            yield Event(int(match[1]), int(match[3]), time, f"{match[5]}\n{rest}", int(match[2]))


def parse_time(text: str) -> datetime | None:
    """Return a time of the log, which is the submit node's local time, in UTC; old versions leave out the year."""
    try:
        if not OLD_TIME.match(text):
            return datetime.fromisoformat(text).astimezone(UTC)
        now = datetime.now().astimezone()
        time = datetime.strptime(f"{now.year}/{text}", "%Y/%m/%d %H:%M:%S").astimezone(UTC)
        return time if time <= now else time.replace(year=now.year - 1)
    except ValueError:
        return None


def advance(before: History | None, event: Event) -> History:
    """Return the history of a process after one more event."""
    if before is None or event.kind == SUBMIT:  # a process is submitted once, but a repeated node reuses its old log
        before = History("idle", event.time)
    now, kind, text = event.time, event.kind, event.text
    details = [line.strip() for line in text.splitlines()[1:]]
    reason = next((line for line in details if line and not re.match(r"Code \d+", line)), "")
    if kind == IMAGE_SIZE:
        used = _number(r"(\d+)\s+-\s+MemoryUsage", text)
        return before if used is None else replace(before, memory=max(used, before.memory or 0))
    if kind == EXECUTE:
        return replace(before, phase="running", since=now, starts=before.starts + 1, hold=None)
    if kind in (RELEASED, SHADOW_EXCEPTION, LOST):
        return replace(before, phase="idle", since=now, hold=None)
    if kind == HELD:
        hold = (_number(r"Code (\d+)", text) or 0, _number(r"Subcode (\d+)", text) or 0, reason)
        return replace(before, phase="held", since=now, hold=hold)
    if kind == ABORTED:
        return replace(before, phase="removed", since=now, hold=None, reason=reason)
    if kind in (EVICTED, TERMINATED):
        exit_code, signal = _number(r"return value (\d+)", text), _number(r"signal (\d+)", text)
        ended = replace(before, since=now, exit_code=exit_code, signal=signal)
        if kind == EVICTED:
            return replace(ended, phase="idle", evictions=before.evictions + 1)
        return replace(ended, phase="completed", hold=None)
    return before


def _number(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text)
    return int(match[1]) if match else None
