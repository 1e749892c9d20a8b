"""The process and its machine: folders of the program, time, cores and standard output."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from app.core.files import REPOSITORY, base
from app.core.interruption import at_leave
from app.core.own_components import VARIABLE, own_roots
from app.core.paths import check_path

logger = logging.getLogger(__name__)

WATCH = 'read word || cat "$1" >&2; rm -f "$1"'
"""A shell's script: when the pipe to it closes without a word, the process has died, and its last words are printed."""


@dataclass(frozen=True)
class Roots:
    """The folders that the program reads and writes.

    Attributes:
        runs: $WIRECHAMBER_RUNS, else runs/ in the repository, or the working directory (`base`).
        registry: $WIRECHAMBER_REGISTRY, else registry/ there.
        data: simulated data: $WIRECHAMBER_DATA, else data/ there.
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
        own = os.pathsep.join(map(str, own_roots()))
        found = {f"WIRECHAMBER_{name}": str(folder.resolve()) for name, folder in folders.items()}
        return found | ({VARIABLE: own} if own else {})


def roots() -> Roots:
    """Return the folders as the environment of this process says."""
    variables = [f"WIRECHAMBER_{name}" for name in ("RUNS", "REGISTRY", "DATA", "LOGS")]
    named = [check_path(os.environ[name], (name,)) if os.environ.get(name) else None for name in variables]
    runs, registry, data = (
        folder or base() / default for folder, default in zip(named, ("runs", "registry", "data"), strict=False)
    )
    return Roots(runs, registry, data, named[3])


def first_packages() -> dict[str, str]:
    """Return the variables with which Python, wherever it is started, finds this program's packages before any others.

    The names of some of them are taken by other programs as well.
    """
    others = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *([others] if others else [])]), "PYTHONSAFEPATH": "1"}


def now() -> str:
    """Return the time as it is written into files: UTC, whole seconds, e.g. 2025-11-03T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cores() -> int:
    """Return how many cores this process may use; a batch system often gives it fewer than the machine has."""
    if not hasattr(os, "sched_getaffinity"):  # as on macOS
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def describe_end(code: int) -> str:
    """Say how a process ended by its exit code, a signal where it is negative."""
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"was killed by {name} (exit code {128 - code}){hint}"


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


@contextlib.contextmanager
def hold_back_errors() -> Iterator[None]:
    """Keep off standard error what is written to it while the block runs, also by C; it goes to the log (debug).

    Where the block raises, or the process dies in it, by whatever cause, all that was caught is written to standard
    error after all: a small process of its own waits for that.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix="wirechamber_", suffix=".txt")
    except OSError:  # nothing is held back where nothing can be kept
        yield
        return
    with os.fdopen(descriptor, "w+", errors="replace") as notes:
        command = ["/bin/sh", "-c", WATCH, "sh", name]
        watch = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)

        def dismiss(_signal: str = "") -> None:
            watch.stdin.write(b"done\n")  # type: ignore[union-attr]
            watch.stdin.close()  # type: ignore[union-attr]

        try:
            with at_leave(dismiss), redirect_output(notes, (2,)):
                yield
        except BaseException:
            notes.seek(0)
            os.write(2, notes.read().encode())
            raise
        finally:
            dismiss()
            watch.wait()
        notes.seek(0)
        for line in notes:
            logger.debug("%s", line.rstrip())
