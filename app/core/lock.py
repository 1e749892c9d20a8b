"""A lock file that works on AFS, EOS and NFS and outlives nobody: O_EXCL, no flock."""

import contextlib
import json
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from app.core.errors import WirechamberError
from app.core.files import write_error

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

    A machine that sleeps longer than `stale` while it holds the lock may wake up next to a second holder: what is done
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
    me = Holder.of_this_process()

    def is_ours() -> bool:
        sight = _look(path)
        return sight is not None and sight[0].token == me.token

    def touch() -> None:
        while not stop.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                if is_ours():
                    os.utime(path)

    _acquire(path, me, wait, stale)
    stop = threading.Event()
    heartbeat = threading.Thread(target=touch, daemon=True)
    heartbeat.start()
    try:
        yield
    finally:
        stop.set()
        heartbeat.join()
        if is_ours():
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; a file that is being written, or is damaged, names nobody.

    Attributes:
        host: for the error message.
        machine: one machine between two boots, in one namespace (container), where a process number means something.
        pid: the process number.
        born: when the process started.
        token: tells two locks of one process apart.
    """

    host: str = "an unknown host"
    machine: str = ""
    pid: int = 0
    born: str = ""
    token: str = ""

    @classmethod
    def of_this_process(cls) -> Self:
        """Return this process as the holder of a new lock."""
        try:
            namespace = str(Path("/proc/self/ns/pid").readlink())
        except OSError:  # not Linux
            namespace = ""
        machine = " ".join((socket.gethostname(), _read("/proc/sys/kernel/random/boot_id"), namespace))
        return cls(socket.gethostname(), machine, os.getpid(), _born(os.getpid()), uuid.uuid4().hex)

    def has_ended(self) -> bool:
        """Whether the process, which ran on this machine, is gone."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it is another user's
            pass
        return _born(self.pid) != self.born


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
        here = holder.machine == me.machine  # the process can be looked up; anybody else is judged by the silence
        looks_old = not here and abs(time.time() - touched) > stale
        if holder.has_ended() if here else now - since >= stale:
            _break(path, sight, stale)
        elif now - start >= wait + (stale if looks_old else 0):
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
        raise write_error(path, error) from error
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(me), file)
    except OSError as error:  # a full disk must not leave a lock that nobody holds
        path.unlink(missing_ok=True)
        raise write_error(path, error) from error
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
    by one, under a lock of their own, and look again. Nobody else removes a dead holder's file, so a file that is
    unchanged here stays unchanged.
    """
    with locked(path.with_name(f"{path.name}.break"), stale=stale):
        if _look(path) == sight:
            path.unlink(missing_ok=True)
