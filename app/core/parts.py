"""Unfinished files: whether this process may still write, and how what dead processes left is removed."""

import contextlib
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from app.core.identity import is_running, this_machine

MOST = 180
"""Bytes of a file's name in that of its unfinished file, to which others are added."""
SILENCE = 60.0
"""Seconds without a change after which the process of another machine is taken to have given its file up."""
_conditions: list[Callable[[], None]] = []


@contextlib.contextmanager
def write_only_while(condition: Callable[[], None]) -> Iterator[None]:
    """Let `condition`, which raises where this process must not write any more, be asked before everything it writes.

    What is asked must be quick: it is asked for each file.
    """
    _conditions.append(condition)
    try:
        yield
    finally:
        _conditions.remove(condition)


def check_may_write() -> None:
    """Raise what a condition raises, e.g. LeaseLost, where this process must not write or remove anything any more."""
    for condition in tuple(_conditions):
        condition()


def part_of(path: Path, ending: str = "") -> Path:
    """Return a name next to `path` for the file that becomes it; no other process or call gets the same.

    Args:
        path: the file.
        ending: what the name must end in, for libraries that ask for a suffix.
    """
    owner = f"{_short(this_machine())}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    short = os.fsencode(path.name)[:MOST].decode(errors="ignore")  # so that a file may have the longest name there is
    return path.with_name(f".{short}.{owner}.part{ending}")


def remove(path: Path) -> None:
    """Remove a file, a folder or a link, whose target stays; a path that is not there is no error.

    Raises:
        LeaseLost: another process has taken over.
        OSError: the system refused.
    """
    check_may_write()
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path, name: str = "*") -> None:
    """Remove the unfinished files in `folder` of processes that have ended; those of living ones stay.

    A process of another machine cannot be looked up: its file stays while it changes.

    Args:
        folder: it need not exist.
        name: pattern of the names that the files would have got.
    """
    for path in folder.glob(f".{name}.part*"):
        if not _is_written(path):
            with contextlib.suppress(OSError):  # it is no trouble but for its space
                remove(path)


def _is_written(part: Path) -> bool:
    """Whether a process may still be at work on an unfinished file."""
    machine, _, number = part.name.partition(".part")[0].rpartition(".")[2].partition("-")
    pid = number.partition("-")[0]
    if machine == _short(this_machine()) and pid.isdigit():
        return int(pid) != os.getpid() and is_running(int(pid))
    try:
        return time.time() - part.lstat().st_mtime < SILENCE
    except OSError:
        return False


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
