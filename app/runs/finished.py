"""Whether a run is finished, and what is said of one that is not: the same by every verb that works with runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import registry
from app.core.errors import Problem, UserError
from app.core.lock import LockTaken, locked
from app.runs.directory import RunDirectory, find, runs_root
from app.runs.files import check_file

EXPECTED = "a run that is done"
ORPHANED = "says the registry, but nobody holds its lock"
"""Of a run whose process was killed, or that runs where it does not see this folder."""
MOMENT = 1.0
"""Seconds in which another verb that looks at the same run gives the lock back; a run that works keeps it."""


def find_finished(text: str, *needs: str, root: Path | None = None) -> RunDirectory:
    """Return the run that `text` means, a name or a path, finished and with the files that are needed.

    Args:
        text: name or path.
        needs: files besides job.json and metrics.json, as `RunDirectory` calls them.
        root: the folder of all runs.

    Raises:
        UserError: no such run, or as `refuse_unfinished`.
    """
    run = find(text, root)
    refuse_unfinished(run, *needs)
    return run


def all_finished(texts: Sequence[str], *needs: str) -> list[RunDirectory]:
    """Return several runs as `find_finished` does, each once; the mistake of every one is told."""
    found, mistakes = list[RunDirectory](), list[Problem]()
    for text in texts:
        try:
            found.append(find_finished(text, *needs))
        except UserError as error:
            mistakes += error.problems
    for position, run in enumerate(found):
        if run in found[:position]:
            mistakes.append(Problem("given twice", (run.name,), expected="different runs"))
    if mistakes:
        raise UserError(*{str(problem): problem for problem in mistakes}.values())
    return found


def refuse_unfinished(run: RunDirectory, *needs: str) -> None:
    """Raise UserError unless a run is finished and whole.

    Somebody who holds its lock works on it; else its record in the registry says how it ended; then the files are
    looked at.

    Raises:
        UserError: it is not on this machine, is still running, was interrupted or failed, or a file is missing or
            damaged.
    """
    if not run.path.is_dir():
        what = "the run's directory is not on this machine"
        raise UserError(Problem(what, (str(run.path),), expected="a run directory of this machine"))
    state, reason = _state(run)
    if state not in ("done", ""):
        words = f" ({reason})" if reason else ""
        raise UserError(Problem(f"the run is {state}{words}", (str(run.path),), expected=EXPECTED))
    if not run.metrics.exists():
        what = "the run has not finished: there is no metrics.json"
        raise UserError(Problem(what, (str(run.path),), expected=EXPECTED))
    if "model" in needs and not run.model.exists():
        raise UserError(Problem("the run has no model yet", (str(run.model),), expected=EXPECTED))
    for name in ("job", "metrics", *needs):
        check_file(getattr(run, name))


def _state(run: RunDirectory) -> tuple[str, str]:
    """Return the state and its reason; ("", "") of a run that the registry does not know, as one of elsewhere."""
    try:
        with locked(run.lock, wait=MOMENT):
            pass
    except LockTaken:
        return "running", ""
    except OSError:  # a folder that cannot be written to: nobody runs there
        pass
    if run.path.parent != runs_root().resolve():
        return "", ""
    record = registry.find(registry.root(), run.name)
    if record is None:
        return "", ""
    return record.state, record.reason or (ORPHANED if record.state == "running" else "")
