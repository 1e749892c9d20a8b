"""Whether the run that is resumed was made by the same job."""

from __future__ import annotations

import json
from typing import Any

from app.config import Job
from app.core.errors import Problem, UserError
from app.runs.directory import RunDirectory

SAME_TRAINING = {"rationale": "", "plots": None, "tracking": None, "resources": None, "export": None}
SAME_SEARCH = {"max_trials": None, "max_hours": None, "workers": None, "parallel": None}
"""Keys of a job, and of its search, that may change when it is resumed."""


def check_same_job(job: Job, run: RunDirectory) -> None:
    """Raise UserError when `run` was made by another job, naming the first difference."""
    try:
        old = json.loads(run.job.read_text())
    except (OSError, ValueError) as error:
        expected = "the job of the run that is resumed, or --overwrite"
        raise UserError(Problem(f"cannot be read ({error})", (str(run.job),), expected=expected)) from None
    found = _difference(_training(old), _training(job.dump()))
    if found is not None:
        place, before, now = found
        expected = f"{json.dumps(before)[:80]}, as in the run, or --overwrite"
        raise UserError(
            Problem("differs from the run that is resumed", (str(run.path), *place), expected=expected, received=now)
        )


def _training(content: dict[str, Any]) -> dict[str, Any]:
    """Return what must be equal: how long and by how many a search is worked at may change."""
    search = content.get("hyperopt")
    return content | SAME_TRAINING | {"hyperopt": search and search | SAME_SEARCH}


def _difference(old: Any, new: Any, place: tuple[str, ...] = ()) -> tuple[tuple[str, ...], Any, Any] | None:
    """Return the first place where two jobs differ, with both values, or None."""
    if old == new:
        return None
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return place, old, new
    below = (_difference(old.get(key), new.get(key), (*place, key)) for key in sorted(old.keys() | new.keys()))
    return next((found for found in below if found is not None), None)
