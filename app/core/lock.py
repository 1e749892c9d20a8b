"""A lock file that works on AFS, EOS and NFS and outlives nobody: O_EXCL, no flock."""

import contextlib
import json
import os
import random
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from app.core.errors import Problem, UserError, WirechamberError
from app.core.files import write_error
from app.core.identity import Identity
from app.core.parts import write_only_while

HEARTBEAT = 5.0
STALE = 30.0


class LockTaken(WirechamberError):  # noqa: N818 - a state, not a malfunction
    """A living process holds the lock."""


class LeaseLost(WirechamberError):  # noqa: N818 - what happened
    """Another process holds the lock by now: this one slept too long, and must not write any more."""


@dataclass(frozen=True)
class Holder(Identity):
    """Who holds a lock; a file that is being written, or is damaged, names nobody.

    Attributes:
        token: tells two locks of one process apart.
    """

    token: str = ""


@dataclass(frozen=True)
class Lease:
    """A lock that this process took; it may have lost it since, if it slept."""

    path: Path
    holder: Holder

    def is_ours(self) -> bool:
        """Whether the file still names this process; not where it cannot be read."""
        try:
            self.check()
        except (WirechamberError, OSError):
            return False
        return True

    def check(self) -> None:
        """Raise LeaseLost, which names the holder of today, unless this process still holds the lock."""
        sight = _look(self.path)
        if sight is not None and sight[0].token == self.holder.token:
            return
        now = f"process {sight[0].pid} on {sight[0].host} holds it now" if sight else "who took it over has ended"
        raise LeaseLost(
            f"{self.path}: this process lost the lock while it slept, {now}; it leaves without writing anything"
        )


@contextlib.contextmanager
def locked(path: Path, *, wait: float = 60.0, stale: float | None = None) -> Iterator[Lease]:
    """Hold the lock file `path` while the block runs.

    The file names its holder. A holder on this machine whose process is gone has lost the lock at once. A holder
    elsewhere proves that it lives by touching the file every few seconds, and has lost the lock when a waiter watched
    the file unchanged for `stale` seconds of its own clock, so that it does not matter whether two clocks agree.

    A machine that sleeps longer than `stale` while it holds the lock may wake up next to a second holder: inside the
    block every write of `app.core.files` and `app.core.parts` looks first whether the file still names this process.

    Args:
        path: the lock file; its folder must exist.
        wait: seconds to wait for a living holder before giving up. A holder elsewhere whose last touch looks old is
            watched for `stale` seconds more, so that `wait=0` does not refuse what a dead machine left behind.
        stale: seconds without a touch after which a holder elsewhere counts as dead; default: STALE.

    Raises:
        LockTaken: a living holder kept the lock longer than `wait`.
        LeaseLost: by a write inside the block, when another process has taken the lock over.
        NotWritten: the lock file cannot be written.
        UserError: something that is no file is in its place.
    """
    lease = Lease(path, Holder(**asdict(Identity.of_this_process()), token=uuid.uuid4().hex))

    def touch() -> None:
        while not stop.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                if lease.is_ours():
                    os.utime(path)

    _acquire(path, lease.holder, wait, STALE if stale is None else stale)
    stop = threading.Event()
    heartbeat = threading.Thread(target=touch, daemon=True)
    heartbeat.start()
    try:
        with write_only_while(lease.check):
            yield lease
    finally:
        stop.set()
        heartbeat.join()
        if lease.is_ours():
            path.unlink(missing_ok=True)


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
            os.fchmod(file.fileno(), 0o644)  # whatever the umask: who waits must see who holds it
            json.dump(asdict(me), file)
    except OSError as error:  # a full disk must not leave a lock that nobody holds
        path.unlink(missing_ok=True)
        raise write_error(path, error) from error
    return True


def _look(path: Path) -> tuple[Holder, float] | None:
    """Return holder and time of the last touch; opening the file makes NFS ask the server.

    Raises:
        NotWritten: the system does not even say whether the file is there.
        UserError: a link, a folder or another thing is in its place.
    """
    touched = 0.0
    try:
        kind = os.lstat(path).st_mode
        if not stat.S_ISREG(kind):
            thing = "link" if stat.S_ISLNK(kind) else "folder" if stat.S_ISDIR(kind) else "special file"
            raise UserError(Problem(f"is a {thing}", (str(path),), expected="a lock file, or nothing in its place"))
        with path.open() as file:
            touched, text = os.fstat(file.fileno()).st_mtime, file.read()
        return Holder(**json.loads(text)), touched
    except FileNotFoundError:
        return None
    except UserError:
        raise
    except (ValueError, TypeError):
        return Holder(), touched
    except PermissionError as error:  # another user's, of a version that let nobody read it: it still shows its touches
        with contextlib.suppress(OSError):
            return Holder(host="a host that another user does not show"), path.stat().st_mtime
        raise write_error(path, error) from error  # the folder is closed, as when a ticket of AFS has run out
    except OSError as error:
        raise write_error(path, error) from error


def _break(path: Path, sight: tuple[Holder, float], stale: float) -> None:
    """Take a dead holder's file away.

    Several waiters find a holder dead at once, and the slowest must not take away the lock of the first: they come one
    by one, under a lock of their own, and look again. Nobody else removes a dead holder's file, so a file that is
    unchanged here stays unchanged.
    """
    with locked(path.with_name(f"{path.name}.break"), stale=stale):
        if _look(path) == sight:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise write_error(path, error) from error
