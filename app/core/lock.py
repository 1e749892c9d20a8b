"""A lock file that works on AFS, EOS and NFS and outlives nobody: O_EXCL, no flock."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.core.errors import WirechamberError
from app.core.files import not_written

HEARTBEAT = 5.0
STALE = 30.0


class LockTaken(WirechamberError):  # noqa: N818 - a state, not a malfunction
    """A living process holds the lock."""


@contextlib.contextmanager
def locked(path: Path, *, wait: float = 60.0, stale: float = STALE) -> Iterator[None]:
    """Hold the lock file `path` while the block runs.

    The file names its holder. A holder on this machine whose process is gone has lost the lock at once. A holder
    elsewhere proves that it lives by touching the file every few seconds, and has lost the lock when a waiter watched
    the file unchanged for `stale` seconds of its own clock, so that it does not matter whether two clocks agree.

    A machine that sleeps longer than `stale` while it holds the lock may wake up beside a second holder: what is done
    under the lock must leave whole files in either order, as atomic writes do.

    Args:
        path: the lock file; its folder must exist.
        wait: seconds to wait for a living holder before giving up. A holder elsewhere whose last touch looks old is
            watched for `stale` seconds more, so that `wait=0` does not refuse what a dead machine left behind.
        stale: seconds without a touch after which a holder elsewhere counts as dead.

    Raises:
        LockTaken: a living holder kept the lock longer than `wait`.
        NotWritten: the lock file cannot be written.
    """
    me = replace(_myself(), token=uuid.uuid4().hex)
    _acquire(path, me, wait, stale)
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(path, me.token, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        if _holds(path, me.token):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; a file that is being written, or is damaged, names nobody."""

    host: str = "an unknown host"
    machine: str = ""
    pid: int = 0
    born: str = ""
    token: str = ""


def _acquire(path: Path, me: Holder, wait: float, stale: float) -> None:
    """Try until the file is ours; take a dead holder's file away."""
    start = since = time.monotonic()
    seen, pause = None, 0.01
    while not _create(path, me):
        sight, now = _look(path), time.monotonic()
        if sight is None:  # given back in this moment
            continue
        if sight != seen:
            seen, since = sight, now
        holder, touched = sight
        if _dead(holder, me, now - since >= stale):
            _break(path, sight, stale)
        elif now - start >= wait + (stale if _looks_old(holder, me, touched, stale) else 0):
            raise LockTaken(
                f"{path}: held by process {holder.pid} on {holder.host}; wait until it ends, "
                "or remove the file if that process is gone"
            )
        else:
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(1.5 * pause, 0.2)


def _create(path: Path, me: Holder) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    except OSError as error:
        raise not_written(path, error) from error
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(me), file)
    except OSError as error:  # a full disk must not leave a lock that nobody holds
        path.unlink(missing_ok=True)
        raise not_written(path, error) from error
    return True


def _look(path: Path) -> tuple[Holder, float] | None:
    """Return holder and time of the last touch; opening the file makes NFS ask the server."""
    try:
        with path.open() as file:
            touched, text = os.fstat(file.fileno()).st_mtime, file.read()
    except FileNotFoundError:
        return None
    try:
        return Holder(**json.loads(text)), touched
    except (ValueError, TypeError):
        return Holder(), touched


def _holds(path: Path, token: str) -> bool:
    sight = _look(path)
    return sight is not None and sight[0].token == token


def _dead(holder: Holder, me: Holder, silent: bool) -> bool:
    """A process on this machine is looked up; anybody else is judged by the silence."""
    if holder.machine != me.machine:
        return silent
    return not _alive(holder.pid) or _born(holder.pid) != holder.born


def _looks_old(holder: Holder, me: Holder, touched: float, stale: float) -> bool:
    return holder.machine != me.machine and abs(time.time() - touched) > stale


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _myself() -> Holder:
    """A process number means something on one machine, between two boots, in one namespace (container)."""
    machine = " ".join((socket.gethostname(), _read("/proc/sys/kernel/random/boot_id"), _namespace()))
    return Holder(socket.gethostname(), machine, os.getpid(), _born(os.getpid()))


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        return ""


def _born(pid: int) -> str:
    """Return the start time of a process, which tells it from a later one of the same number; '' where not known.

    A zombie, whose parent has not asked for its exit code yet, is as dead as can be and has none either.
    """
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _break(path: Path, sight: tuple[Holder, float], stale: float) -> None:
    """Take a dead holder's file away.

    Several waiters find a holder dead at once, and the slowest must not take away the lock of the first: they come one
    by one, under a lock of their own, and look again. Nobody else removes a dead holder's file, so what is found
    unchanged here stays so.
    """
    with locked(path.with_name(f"{path.name}.break"), stale=stale):
        if _look(path) == sight:
            path.unlink(missing_ok=True)


def _heartbeat(path: Path, token: str, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT):
        with contextlib.suppress(OSError):
            if _holds(path, token):
                os.utime(path)
