"""Processes of other users, on a machine that hides them."""

import ctypes
import os
import subprocess
import sys
import warnings

import pytest

from app.core.identity import Identity

NOBODY = 65534
NEW_MOUNTS, PRIVATE = 0x20000, 1 << 14 | 1 << 18


def seen_by_nobody(process):
    """Return what another user's process, from which /proc hides ours, says of an Identity, "" where that cannot be."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that the child does not have
        child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None)
        steps = (
            lambda: libc.unshare(NEW_MOUNTS),
            lambda: libc.mount(b"none", b"/", None, PRIVATE, None),
            lambda: libc.mount(b"proc", b"/proc", b"proc", 0, b"hidepid=2"),
            lambda: libc.mount(b"proc", b"/proc", b"proc", 1 << 5, b"hidepid=2"),
        )
        if not any(step() for step in steps):
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            hidden = not os.path.exists(f"/proc/{process.pid}/stat")  # noqa: PTH110
            os.write(writer, f"{process.has_ended()}, hidden: {hidden}".encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as text:
        return text.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
def test_a_process_that_is_hidden_from_this_user_has_not_ended():
    answer = seen_by_nobody(Identity.of_this_process())
    if not answer:
        pytest.skip("another /proc is not allowed here")
    assert answer == "False, hidden: True"


def test_a_process_that_is_gone_or_another_one_has_ended():
    me = Identity.of_this_process()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not me.has_ended()
    assert Identity(pid=gone.pid, born=me.born).has_ended()
    assert Identity(pid=me.pid, born="1").has_ended()
