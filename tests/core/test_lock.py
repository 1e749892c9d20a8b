"""The lock under real processes: dead holders, waiters that break it at once, other machines, clocks that disagree."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from untraced import process_environment

from app.core import lock
from app.core.errors import UserError
from app.core.files import NotWritten
from app.core.lock import LockTaken, locked

REPOSITORY = Path(__file__).resolve().parents[2]
IMPORTS = "import os, sys, time, pathlib\nfrom app.core.lock import locked"


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a few lines of Python that begin with the lock imported."""
    command = [sys.executable, "-c", f"{IMPORTS}\n{code}"]
    command += map(str, arguments)
    return subprocess.Popen(command, cwd=REPOSITORY, env=process_environment(), stdout=subprocess.PIPE, text=True)


def holding(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until it is killed; return when it does."""
    process = start("with locked(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)", path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def elsewhere(path: Path, age: float = 0.0) -> None:
    """Write the lock of a process on another machine, touched `age` seconds ago."""
    content = {"host": "lxplus901", "machine": "lxplus901 another-boot", "pid": 1, "born": "1", "token": "theirs"}
    path.write_text(json.dumps(content))
    os.utime(path, (time.time() - age,) * 2)


def test_the_lock_is_a_file_while_the_block_runs_and_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with locked(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_given_back_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path / ".lock"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_living_holder_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    process = holding(path)
    try:
        with pytest.raises(LockTaken, match=f"held by process {process.pid} on .*remove the file if that"):
            locked(path, wait=0.2).__enter__()
        assert path.exists()
    finally:
        process.kill()
        process.communicate()


def test_a_holder_killed_with_the_lock_does_not_block_the_next(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    process = holding(path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.exists()
    begin = time.monotonic()
    with locked(path, wait=0):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert time.monotonic() - begin < 5
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_whose_parent_has_not_noticed_yet_is_dead(tmp_path: Path) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system does not tell a zombie from a living process")
    process = holding(tmp_path / ".lock")
    process.kill()
    with locked(tmp_path / ".lock", wait=5):  # not waited for: it is a zombie now
        pass
    process.communicate()


def test_a_later_process_with_the_dead_holders_number_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with locked(path):
        content = json.loads(path.read_text())
    if not content["born"]:
        pytest.skip("this system does not tell when a process was started")
    path.write_text(json.dumps({**content, "born": "1", "token": "theirs"}))
    with locked(path, wait=0):
        pass


def test_a_holder_that_died_before_it_wrote_its_name_is_outwaited(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.touch()
    with locked(path, wait=5, stale=0.3):
        pass


def test_a_holder_elsewhere_that_is_silent_loses_the_lock_after_stale_seconds(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    elsewhere(path)
    begin = time.monotonic()
    with locked(path, wait=5, stale=0.5):
        assert time.monotonic() - begin > 0.5


def test_what_a_dead_machine_left_is_watched_and_taken_even_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    elsewhere(path, age=3600)
    with locked(path, wait=0, stale=0.3):
        pass


@pytest.mark.parametrize("clock", [-3600.0, 3600.0])
def test_a_living_holder_elsewhere_keeps_the_lock_though_its_clock_is_wrong(tmp_path: Path, clock: float) -> None:
    path, stop = tmp_path / ".lock", threading.Event()
    elsewhere(path, age=clock)

    def beat() -> None:
        while not stop.wait(0.05):
            os.utime(path, (time.time() - clock,) * 2)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(LockTaken, match="process 1 on lxplus901"):
            locked(path, wait=0.2, stale=0.6).__enter__()
    finally:
        stop.set()
        thread.join()
    assert json.loads(path.read_text())["token"] == "theirs"


def test_a_holder_touches_its_file_and_leaves_alone_what_is_no_longer_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT", 0.05)
    path = tmp_path / ".lock"
    with locked(path):
        os.utime(path, (1, 1))
        time.sleep(0.3)
        assert path.stat().st_mtime > 1
        elsewhere(path, age=3600)  # it was judged dead and another took the lock
        before = path.stat().st_mtime
        time.sleep(0.3)
        assert path.stat().st_mtime == before
    assert json.loads(path.read_text())["token"] == "theirs"


COUNT = """
path, counter = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
begin, more = os.pipe()

def count(times, die):
    os.close(more)
    os.read(begin, 1)  # waits until all are there
    for _ in range(times):
        with locked(path):
            value = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(value + 1))
            if die:
                os.kill(os.getpid(), 9)
    os._exit(0)

workers = []
for times, die in [(20, False)] * 6 + [(1, True)] * 6:
    workers.append(os.fork())
    if workers[-1] == 0:
        count(times, die)
os.close(more)
print([os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers])
"""


def test_only_one_at_a_time_is_inside_though_holders_die_and_all_break_the_lock_at_once(tmp_path: Path) -> None:
    path, counter = tmp_path / ".lock", tmp_path / "counter"
    counter.write_text("0")
    codes = start(COUNT, path, counter).communicate(timeout=60)[0]
    assert json.loads(codes) == [0] * 6 + [-9] * 6
    assert counter.read_text() == str(6 * 20 + 6)


def test_a_waiter_that_looked_long_ago_does_not_break_the_lock_of_the_next(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    elsewhere(path)
    seen = lock._look(path)
    assert seen is not None
    path.unlink()
    with locked(path):
        lock._break(path, seen, 30)
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_a_folder_that_cannot_be_written_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match=r"missing/\.lock: cannot be written \(No such file"):
        locked(tmp_path / "missing" / ".lock").__enter__()


SLEEPER = """
import socket
socket.gethostname = lambda: "lxplus901"  # to the waiter a process of another machine: only its touches count
from app.core.files import write_file, write_text
from app.core.lock import LeaseLost
from app.core.parts import remove
folder = pathlib.Path(sys.argv[1])

def slow(part):
    part.write_text("mine")
    print("writing", flush=True)
    sys.stdin.readline()

with locked(folder / ".lock"):
    write_text(folder / "a.json", "mine")
    for work in (lambda: write_file(folder / "a.json", slow), lambda: write_text(folder / "b.json", "mine"),
                 lambda: remove(folder / "kept")):
        try:
            work()
            print("done", flush=True)
        except LeaseLost as error:
            print(error, flush=True)
"""


@pytest.mark.parametrize("ended", [False, True], ids=["while the other works", "after the other ended"])
def test_who_slept_past_its_lease_writes_nothing_any_more(tmp_path: Path, ended: bool) -> None:
    path = tmp_path / ".lock"
    (tmp_path / "kept").touch()
    command = [sys.executable, "-c", f"{IMPORTS}\n{SLEEPER}", str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    sleeper = subprocess.Popen(command, cwd=REPOSITORY, env=process_environment(), **pipes)  # type: ignore[call-overload]
    assert sleeper.stdout.readline() == "writing\n"
    sleeper.send_signal(signal.SIGSTOP)
    with locked(path, wait=5, stale=0.3):
        (tmp_path / "a.json").write_text("theirs")
        if not ended:
            lines = wake(sleeper)
    if ended:
        lines = wake(sleeper)
    now = f"process {os.getpid()} on {lock.Holder.of_this_process().host} holds it now"
    now = "who took it over has ended" if ended else now
    line = f"{path}: this process lost the lock while it slept, {now}; it leaves without writing anything"
    assert lines == [line] * 3
    assert sleeper.returncode == 0
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.json": "theirs", "kept": ""}


def wake(sleeper: subprocess.Popen[str]) -> list[str]:
    """Let a stopped process go on to its end, and return what it prints."""
    sleeper.send_signal(signal.SIGCONT)
    return sleeper.communicate("go on\n", timeout=30)[0].splitlines()


@pytest.mark.parametrize("kind", ["dangling link", "link", "folder"])
def test_what_is_no_lock_file_is_named_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ".lock"
    (tmp_path / "target").touch()
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / ("target" if kind == "link" else "nowhere"))
    with pytest.raises(UserError) as caught:
        locked(path).__enter__()
    expected = "Expected a lock file, or nothing in its place."
    assert str(caught.value) == f"{path}: is a {kind.rpartition(' ')[2]}. {expected}"


def test_a_lock_that_only_its_user_may_read_is_outwaited(tmp_path: Path) -> None:
    if os.getuid():
        pytest.skip("only root can become another user")
    path = tmp_path / ".lock"
    elsewhere(path)
    path.chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o777)
    code = (
        "os.setuid(65534)\nfrom app.core.lock import LockTaken\npath = pathlib.Path(sys.argv[1])\n"
        "try:\n    locked(path, wait=0.1, stale=9).__enter__()\nexcept LockTaken as error:\n    print(error)\n"
        "with locked(path, stale=0.3):\n    print(oct(path.stat().st_mode & 0o777))\n"
    )
    first, second = start(code, path).communicate(timeout=30)[0].splitlines()
    assert first.startswith(f"{path}: held by process 0 on a host that another user does not show; wait")
    assert second == "0o644"


def test_a_folder_that_closes_while_the_lock_is_held_is_named(tmp_path: Path) -> None:
    """As when a ticket of AFS runs out in the middle of a training."""
    if os.getuid():
        pytest.skip("only root can become another user")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o777)
    code = (
        "from app.core.files import NotWritten\nos.setuid(65534)\npath = pathlib.Path(sys.argv[1])\n"
        "lease = locked(path).__enter__()\nprint('held', flush=True)\nsys.stdin.readline()\n"
        "try:\n    lease.check()\nexcept NotWritten as error:\n    print(error, flush=True)\nos._exit(0)\n"
    )
    command = [sys.executable, "-c", f"{IMPORTS}\n{code}", str(tmp_path / ".lock")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=process_environment(), **pipes)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    tmp_path.chmod(0o700)
    assert (
        process.communicate("go\n", timeout=30)[0] == f"{tmp_path / '.lock'}: cannot be written (Permission denied).\n"
    )
