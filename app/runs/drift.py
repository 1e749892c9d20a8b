"""One disagreement between the registry and the run directories."""

from dataclasses import dataclass, field
from typing import Any

from app.runs.directory import RunDirectory


@dataclass(frozen=True)
class Misnamed:
    """A run whose job.json bears another name than its directory.

    Attributes:
        run: where it lies.
        old: the name in its job.json.
        is_moved: whether the record of that name is its own, as that name has no directory any more.
    """

    run: RunDirectory
    old: str
    is_moved: bool


@dataclass(frozen=True)
class Drift:
    """One disagreement.

    Attributes:
        run: the run's name, "" for the page itself.
        what: the disagreement as text.
        changes: what the record must become; empty where only a person can decide, or where the name is all.
        misnamed: the run whose job.json, and whose record if it was moved, must get the name of its directory.
    """

    run: str
    what: str
    changes: dict[str, Any] = field(default_factory=dict)
    misnamed: Misnamed | None = None
