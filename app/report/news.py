"""What is new since a moment: runs that ended, bests that fell, and what was noted about runs."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.report.leaderboard import Group, Leaderboard
from app.report.section import Section
from registry import cells
from registry.record import describe_factor, number

MADE = re.compile(rb'<meta name="made" content="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)">')
"""Where a page says when it was made, in its first lines."""
HEAD = 4096
ENDED = ("failed", "held", "interrupted", "removed", "evicted")


@dataclass(frozen=True)
class News:
    """One thing that happened to a run."""

    time: str
    application: str
    section: Section
    text: str


def moment(days: float, page: Path | None = None) -> tuple[str, str]:
    """Return since when things are new, and the same in words: some days, or longer where the last page is older.

    Args:
        days: how far to look back at least.
        page: the page of the last report, if there is one.
    """
    now = datetime.now(UTC)
    since = (now - min(timedelta(days=days), now - datetime(1970, 1, 2, tzinfo=UTC))).strftime("%Y-%m-%dT%H:%M:%SZ")
    last = last_made(page) if page else ""
    if last and last < since:
        return last, f"since the last report of {cells.minute(last)} UTC"
    return since, f"in the last {days:g} days" if days != 1 else "in the last day"


def last_made(page: Path) -> str:
    """Return when a page of this program was made, "" where there is none."""
    try:
        with page.open("rb") as file:
            found = MADE.search(file.read(HEAD))
    except OSError:
        return ""
    return found[1].decode() if found else ""


def find_news(boards: Iterable[Leaderboard], since: str) -> list[News]:
    """Return what happened since a moment, the newest first."""
    found = [news for board in boards for group in board.groups for news in _of_group(board, group, since)]
    return sorted(found, key=lambda news: news.time, reverse=True)


def _of_group(board: Leaderboard, group: Group, since: str) -> Iterator[News]:
    for section in group.sections:
        record, name = section.record, board.application
        if record.state == "done" and (record.finished or "") >= since:
            yield News(record.finished or "", name, section, _result(group, section, since))
        elif record.state in ENDED and (ended := record.finished or record.updated) >= since:
            reason = f": {record.reason}" if record.reason else ""
            yield News(ended, name, section, f"{record.state}{reason}")
        for time, text in record.notes:
            if time >= since:
                yield News(time, name, section, f"noted: {text}")
        for day, text in re.findall(r"^- (\d{4}-\d\d-\d\d): (.*)$", section.remark, re.MULTILINE):
            if day >= since[:10]:
                yield News(day, name, section, f"noted: {text}")


def _result(group: Group, section: Section, since: str) -> str:
    """Return what a finished run reached, and whether it is the new best on its data."""
    record = section.record
    value = record.figure(group.metric)
    result = f"{group.metric} {number(value)}" if value is not None else "done"
    if section is group.best and value is not None:
        others = [s.record for s in group.finished if (s.record.finished or "") < since]
        before = next((r for r in others if r.figure(group.metric) is not None), None)
        old = before.figure(group.metric) if before else None
        if before is not None and old is not None:
            return f"{result}, the new best: {describe_factor(value, old)} better than {before.run} ({number(old)})"
        return f"{result}, the best on these data; {section.against}"
    return f"{result}; {section.against}" if section.against else result
