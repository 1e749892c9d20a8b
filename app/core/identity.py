"""Which process is meant: on one machine between two boots, by its number and its start."""

import functools
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Identity:
    """A process.

    Attributes:
        host: for messages.
        machine: one machine between two boots, in one namespace (container), where a process number means something.
        pid: the process number.
        born: when the process started.
    """

    host: str = "an unknown host"
    machine: str = ""
    pid: int = 0
    born: str = ""

    @classmethod
    def of_this_process(cls) -> Self:
        """Return this process."""
        return cls(socket.gethostname(), this_machine(), os.getpid(), born(os.getpid()))

    def has_ended(self) -> bool:
        """Whether the process, which ran on this machine, is known to be gone.

        Many shared machines hide the processes of others (hidepid): what is hidden lives, and may be a later one.
        """
        if not is_running(self.pid):
            return True
        return bool(_read(f"/proc/{self.pid}/stat")) and born(self.pid) != self.born


@functools.cache
def this_machine() -> str:
    """Return what tells this machine, since its last boot and in this namespace, from all others."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        namespace = ""
    return " ".join((socket.gethostname(), _read("/proc/sys/kernel/random/boot_id"), namespace))


def is_running(pid: int) -> bool:
    """Whether this machine has a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True


def born(pid: int) -> str:
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
