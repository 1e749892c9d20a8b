"""`registry/README.md` follows the folder: written under the lock, listed again after each write."""

from __future__ import annotations

import logging
from pathlib import Path

from app.core.files import NotWritten, write_text
from app.core.lock import LockTaken, locked
from registry.store import read_all
from registry.table import render

LOG = logging.getLogger(__name__)
ROUNDS = 10


def refresh(root: Path) -> None:
    """Write README.md from what lies in the folder, until nothing changed during the writing.

    A training must not fail because the table is late: a lock that stays taken, or a full disk, is reported in the log,
    and the next run that changes anything writes the table with this run in it. The rounds are bounded for
    the same reason: everyone who changes the folder comes here afterwards.
    """
    root.mkdir(parents=True, exist_ok=True)
    try:
        with locked(root / ".lock"):
            for _ in range(ROUNDS):
                before = _listing(root)
                _write(root)
                if _listing(root) == before:
                    break
    except (LockTaken, NotWritten) as error:
        LOG.warning("the registry's table is not up to date: %s", error)


def _write(root: Path) -> None:
    contents = read_all(root)
    for path, line in contents.damaged.items():
        LOG.warning("%s: %s", root / path, line)
    write_text(root / "README.md", render(contents))


def _listing(root: Path) -> dict[Path, tuple[int, int, int]]:
    """Say what identifies the state of the folder: an atomic rename gives every version its own inode."""
    found = {}
    for path in [*root.glob("runs/*.json"), *root.glob("notes/*.md"), *root.glob("notes/runs/*.md")]:
        try:
            facts = path.stat()
        except FileNotFoundError:
            continue
        found[path] = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
    return found
