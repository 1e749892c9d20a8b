"""The interface to the pool: what can be asked of it, and its errors."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from app.core.errors import Problem, UserError, WirechamberError

Ad = dict[str, Any]
"""Attributes of a job as plain values; an expression is left out."""
Id = tuple[int, int]
"""Cluster and process."""

ATTRIBUTES = (
    *("ClusterId", "ProcId", "JobStatus", "EnteredCurrentStatus", "QDate", "NumJobStarts", "RemoteHost"),
    *("HoldReason", "HoldReasonCode", "HoldReasonSubCode", "RequestMemory", "MemoryProvisioned", "ResidentSetSize"),
    *("ExitCode", "ExitBySignal", "ExitSignal", "RemoveReason"),
)


class Unreachable(WirechamberError):  # noqa: N818 - a state, not a malfunction
    """No pool answers: exit code 1."""


class Refused(UserError):  # noqa: N818 - what the pool did
    """The pool answered and refused: exit code 2."""

    def __init__(self, what: str, reason: object) -> None:
        message = " ".join(re.sub(r"^ERROR:?\s*", "", line) for line in str(reason).split("\n") if line.strip())
        super().__init__(Problem(f"the pool refused {what}: {message}"))


class Pool(Protocol):
    """What can be asked of a pool, through its Python bindings or through its commands."""

    @property
    def version(self) -> tuple[int, ...]:
        """Version of the daemon that keeps the queue."""

    def submit(self, description: Path) -> int:
        """Submit a description and return the number of its cluster."""

    def submit_dag(self, dag: Path) -> int:
        """Submit a DAG, from its rescue file where it left one, and return the number of DAGMan's cluster."""

    def queue(self, clusters: Sequence[int]) -> list[Ad]:
        """Return the jobs of the clusters that are in the queue."""

    def history(self, clusters: Sequence[int]) -> list[Ad]:
        """Return the jobs of the clusters that left the queue, as far as the pool still lists them."""

    def edit(self, jobs: Sequence[Id], attribute: str, value: str) -> None:
        """Change an attribute of jobs in the queue."""

    def release(self, jobs: Sequence[Id], reason: str) -> None:
        """Release held jobs."""

    def remove(self, jobs: Sequence[Id], reason: str) -> None:
        """Remove jobs from the queue."""


def constraint(clusters: Iterable[int]) -> str:
    """Return the expression that holds for the jobs of these clusters."""
    return " || ".join(f"ClusterId == {number}" for number in clusters) or "false"


def version_in(text: str) -> tuple[int, ...]:
    """Return the version in HTCondor's own text.

    >>> version_in("$CondorVersion: 23.9.6 2026-07-12 BuildID: x $")
    (23, 9, 6)
    """
    match = re.search(r"CondorVersion: (\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else (0,)


def as_text(jobs: Iterable[Id]) -> list[str]:
    """Return the jobs as HTCondor writes them: 12.0."""
    return [f"{cluster}.{process}" for cluster, process in jobs]
