"""The process and its machine: folders of the program, time, cores and standard output."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from app.core.files import REPOSITORY


@dataclass(frozen=True)
class Roots:
    """The folders that the program reads and writes.

    Attributes:
        runs: $WIRECHAMBER_RUNS, else runs/ in the repository.
        registry: $WIRECHAMBER_REGISTRY, else registry/ in the repository.
        data: simulated data: $WIRECHAMBER_DATA, else data/ in the repository.
        logs: submissions: $WIRECHAMBER_LOGS, None where each command has its own default.
    """

    runs: Path
    registry: Path
    data: Path
    logs: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a child process needs to use the same runs, registry and data, wherever it starts."""
        folders = {"RUNS": self.runs, "REGISTRY": self.registry, "DATA": self.data}
        return {f"WIRECHAMBER_{name}": str(folder.resolve()) for name, folder in folders.items()}


def roots() -> Roots:
    """Return the folders as the environment of this process says."""
    named = [os.environ.get(f"WIRECHAMBER_{name}") for name in ("RUNS", "REGISTRY", "DATA", "LOGS")]
    runs, registry, data = (
        Path(folder or REPOSITORY / default)
        for folder, default in zip(named, ("runs", "registry", "data"), strict=False)
    )
    return Roots(runs, registry, data, Path(named[3]) if named[3] else None)


def now() -> str:
    """Return the time as it is written into files: UTC, whole seconds, e.g. 2025-11-03T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cores() -> int:
    """Return how many cores this process may use; a batch system often gives it fewer than the machine has."""
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def redirect_output(file: IO[Any], descriptors: Sequence[int] = (1, 2)) -> Iterator[None]:
    """Send standard output (1) and error (2) to `file` while the block runs, also of libraries that bypass Python."""
    kept = [os.dup(number) for number in descriptors]
    sys.stdout.flush()
    sys.stderr.flush()
    for number in descriptors:
        os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, before in zip(descriptors, kept, strict=True):
            os.dup2(before, number)
            os.close(before)
