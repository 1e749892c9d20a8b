"""A lock file that works on AFS, EOS and NFS and outlives nobody: O_EXCL, no flock."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from app.core.errors import WirechamberError

HEARTBEAT = 5.0
STALE = 30.0


class LockTaken(WirechamberError):
    """Somebody else, who is alive, holds the lock."""


@contextlib.contextmanager
def locked(path: Path, *, wait: float = 60.0, stale: float = STALE) -> Iterator[None]:
    """Hold the lock file `path` while the block runs.

    The file names its holder (host, process). A holder on this host whose process is gone has lost it at once; a holder
    elsewhere has lost it when it has not touched the file for `stale` seconds (a thread touches it every few seconds).

    Args:
        path: the lock file; its folder must exist.
        wait: seconds to wait for a living holder before giving up.
        stale: seconds without a heartbeat after which a holder on another host counts as dead.

    Raises:
        LockTaken: a living holder kept the lock longer than `wait`.
    """
    token = uuid.uuid4().hex
    _acquire(path, token, wait, stale)
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(path, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        if _holder(path).get("token") == token:
            path.unlink(missing_ok=True)


def _acquire(path: Path, token: str, wait: float, stale: float) -> None:
    deadline = time.monotonic() + wait
    content = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "token": token})
    while not _create(path, content):
        if _dead(path, stale):
            _break(path, token)
        elif time.monotonic() >= deadline:
            holder = _holder(path)
            raise LockTaken(
                f"{path}: held by process {holder.get('pid')} on {holder.get('host')}; "
                "wait until it ends, or remove the file if that process is gone"
            )
        else:
            time.sleep(0.02)


def _create(path: Path, content: str) -> bool:
    """Write the content aside, then link it into place: the lock never exists without its holder's name."""
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    aside.write_text(content)
    try:
        os.link(aside, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        return _create_exclusively(path, content)
    finally:
        aside.unlink()
    return True


def _create_exclusively(path: Path, content: str) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return True


def _holder(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _dead(path: Path, stale: float) -> bool:
    holder = _holder(path)
    if holder.get("host") == socket.gethostname():
        return not _alive(int(str(holder["pid"])))
    try:
        return time.time() - path.stat().st_mtime > stale
    except FileNotFoundError:
        return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _break(path: Path, token: str) -> None:
    """Take a dead holder's file away. The rename lets one of several waiters win; it checks what it took."""
    grave = path.with_name(f"{path.name}.{token}.dead")
    with contextlib.suppress(FileNotFoundError):
        path.rename(grave)
        if not _dead(grave, 0.0) and _holder(grave):  # a living holder came in between: give it back
            with contextlib.suppress(OSError):
                os.link(grave, path)
        grave.unlink(missing_ok=True)


def _heartbeat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT):
        with contextlib.suppress(OSError):
            os.utime(path)
