"""Logs that a real pool wrote: of a job held for its memory, released, evicted and done, and of one that failed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs import event_log

LOGS = Path(__file__).parent / "logs"


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    """The pool wrote its local time, which was UTC."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def until(kind, number=1):
    """Return the history of the job in the first log after the `number`-th event of a kind."""
    found, seen = [], 0
    for event in event_log.parse_events((LOGS / "held_and_evicted.log").read_text()):
        found.append(event)
        seen += event.kind == kind
        if seen == number:
            break
    return event_log.histories(found)[0]


def test_a_job_is_idle_until_it_is_started():
    history = until(event_log.SUBMIT)
    assert (history.phase, history.starts) == ("idle", 0)
    assert history.since == datetime(2026, 11, 22, 9, 31, 11, tzinfo=UTC)
    assert until(event_log.EXECUTE).phase == "running"


def test_a_held_job_says_why_and_what_it_used():
    history = until(event_log.HELD)
    assert history.phase == "held"
    assert history.hold == (26, 102, "memory use of 653 MB is above the 256 MB of the slot")
    assert history.memory == 653
    released = until(event_log.RELEASED)
    assert (released.phase, released.hold) == ("idle", None)


def test_a_job_that_is_evicted_waits_and_goes_on():
    history = until(event_log.EVICTED)
    assert (history.phase, history.starts, history.evictions) == ("idle", 2, 1)
    assert until(event_log.EXECUTE, 3).phase == "running"


def test_the_end_and_the_most_memory_of_all_starts():
    history = event_log.read(LOGS / "held_and_evicted.log")[0]
    assert (history.phase, history.exit_code, history.signal) == ("completed", 0, None)
    assert (history.starts, history.evictions, history.memory) == (3, 1, 765)


def test_a_job_that_failed_again_and_again_ends_with_its_exit_code():
    history = event_log.read(LOGS / "retried.log")[0]
    assert (history.phase, history.exit_code) == ("completed", 1)
    assert (history.starts, history.evictions) == (4, 3)


def test_half_an_event_is_left_for_the_next_look():
    text = (LOGS / "retried.log").read_text()
    assert len(list(event_log.parse_events(text[:-200]))) == len(list(event_log.parse_events(text))) - 1
    assert list(event_log.parse_events("garbage\n...\n")) == []


def test_signals_removal_and_the_time_of_old_versions():
    text = (
        "000 (7.000.000) 11/22 09:00:00 Job submitted from host: <x>\n...\n"
        "001 (7.000.000) 11/22 09:00:02 Job executing on host: <x>\n...\n"
        "005 (7.000.000) 11/22 09:00:09 Job terminated.\n\t(0) Abnormal termination (signal 9)\n...\n"
        "000 (7.001.000) 2025-11-22 09:00:00 Job submitted from host: <x>\n...\n"
        "009 (7.001.000) 2025-11-22 09:00:01 Job was aborted.\n\tvia condor_rm (by user anna)\n...\n"
    )
    found = event_log.histories(event_log.parse_events(text))
    assert (found[0].phase, found[0].signal, found[0].exit_code) == ("completed", 9, None)
    assert found[0].since <= datetime.now(UTC)
    assert (found[1].phase, found[1].reason) == ("removed", "via condor_rm (by user anna)")


def test_a_log_that_is_not_there_tells_nothing(tmp_path):
    assert event_log.read(tmp_path / "events.log") == {}
