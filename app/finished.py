"""Finished runs, and what is said of those that are not."""

from __future__ import annotations

import registry
from app.core.errors import Problem, UserError
from app.core.lock import LockTaken, locked
from app.run_directory import RunDirectory, find, runs_root

EXPECTED = "a run that is done"


def find_finished(text: str) -> RunDirectory:
    """Return the run that `text` means, a name or a path.

    Raises:
        UserError: no such run, or it is still running, was interrupted, failed, or has no model.
    """
    run = find(text)
    state, reason = _state(run)
    if state not in ("done", ""):
        words = f" ({reason})" if reason else ""
        raise UserError(Problem(f"the run is {state}{words}", (str(run.path),), None, EXPECTED))
    if not run.model.exists():
        raise UserError(Problem("the run has no model yet", (str(run.path),), None, EXPECTED))
    return run


def _state(run: RunDirectory) -> tuple[str, str]:
    """Return the state and its reason; ("", "") of a run that the registry does not know, as one of elsewhere."""
    try:
        with locked(run.lock, wait=0.0):
            pass
    except LockTaken:
        return "running", ""
    except OSError:  # a folder that cannot be written to: nobody runs there
        pass
    if run.path.parent != runs_root().resolve():
        return "", ""
    record = registry.find(registry.root(), run.name)
    return (record.state, record.reason) if record else ("", "")
