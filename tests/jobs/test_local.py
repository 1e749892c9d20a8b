"""Nodes as real processes: their order, how many at once, one that fails, and what is remembered after a SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.core.errors import Interrupted
from app.core.lock import LockTaken, locked
from jobs.local import Runner
from jobs.nodes import Node, blocked_nodes

ROOT = Path(__file__).resolve().parents[2]
WORK = """
import sys, time
name, seconds, code, book = sys.argv[1:]
def note(what):
    with open(book, "a") as file:
        file.write(f"{what} {name}\\n")
note("begin")
print("hello from", name, flush=True)
time.sleep(float(seconds))
note("end")
sys.exit(int(code))
"""
DRIVER = """
import sys
from pathlib import Path
from jobs.local import Runner
from jobs.nodes import Node
folder, script, book = sys.argv[1:]
nodes = [Node("a", ("a", "0", "0", book))]
nodes += [Node("b", ("b", "3", "0", book), ("a",)), Node("c", ("c", "0", "0", book), ("b",))]
sys.exit(len(Runner(Path(folder), (sys.executable, script)).run(nodes)))
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "work.py"
    path.write_text(WORK)
    return (sys.executable, str(path))


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.touch()
    return path


@pytest.fixture
def node(book):
    def make(name, *after, seconds=0.0, code=0):
        return Node(name, (name, str(seconds), str(code), str(book)), after)

    return make


@pytest.fixture
def runner(tmp_path, program):
    return lambda **options: Runner(tmp_path / "flow", program, **options)


def most_at_once(lines):
    now = found = 0
    for line in lines:
        now += 1 if line.startswith("begin") else -1
        found = max(found, now)
    return found


def test_each_node_begins_when_those_before_it_have_ended(runner, node, book):
    nodes = [node("a", seconds=0.3), node("b"), node("c", "a", "b"), node("d", "c")]
    assert runner(workers=4).run(nodes) == {}
    lines = book.read_text().splitlines()
    assert lines.index("begin c") > max(lines.index("end a"), lines.index("end b"))
    assert lines.index("begin d") > lines.index("end c")
    assert "hello from c" in runner().log("c").read_text()


@pytest.mark.parametrize("workers", [1, 3])
def test_at_most_so_many_at_once_and_as_many_as_may(runner, node, book, workers):
    nodes = [node(f"n{i}", seconds=0.5) for i in range(6)]
    assert runner(workers=workers).run(nodes) == {}
    assert most_at_once(book.read_text().splitlines()) == workers


def test_a_failing_node_stops_what_depends_on_it_and_nothing_else(runner, node, book):
    nodes = [node("bad", code=3), node("good"), node("lost", "bad"), node("far", "lost", "good"), node("fine", "good")]
    changes = []
    assert runner(workers=2, on_change=lambda *what: changes.append(what)).run(nodes) == {
        "bad": 3,
        "lost": None,
        "far": None,
    }
    lines = book.read_text().splitlines()
    assert {line.split()[1] for line in lines} == {"bad", "good", "fine"}
    assert any(name == "bad" and what.startswith("failed, ended with exit code 3; see ") for name, what in changes)


def test_a_node_that_is_killed_is_named_with_the_signal(tmp_path):
    script, changes = tmp_path / "killed.py", []
    script.write_text("import os; os.kill(os.getpid(), 9)")
    runner = Runner(tmp_path / "flow", (sys.executable, str(script)), on_change=lambda *what: changes.append(what))
    assert runner.run([Node("bad", ())]) == {"bad": -9}
    why = "was killed by SIGKILL (exit code 137), as the system does when memory runs out"
    assert changes[-1] == ("bad", f"failed, {why}; see {runner.log('bad')}")


def test_again_only_what_is_not_done(runner, node, book):
    first = [node("a"), node("b", "a", code=1), node("c", "b")]
    assert runner().run(first) == {"b": 1, "c": None}
    book.write_text("")
    again = [node("a"), node("b", "a"), node("c", "b")]
    assert runner().run(again) == {}
    assert book.read_text().splitlines() == ["begin b", "end b", "begin c", "end c"]
    assert runner().run(again) == {}
    assert len(book.read_text().splitlines()) == 4


def test_what_is_missing_or_another_command_is_done_again(runner, node, book, tmp_path):
    made = tmp_path / "made"
    made.touch()
    kept = Node("a", node("a").arguments, (), made)
    assert runner().run([kept]) == {}
    assert runner().finished(kept)
    made.unlink()
    assert not runner().finished(kept)
    assert not runner().finished(node("a", seconds=0.1))
    (tmp_path / "flow/done/a.json").write_text("{")  # half written
    assert not runner().finished(node("a"))


def test_exit_code_85_is_started_again(tmp_path, book):
    script = tmp_path / "leaves.py"
    write = "p = pathlib.Path(sys.argv[1])\np.write_text(p.read_text() + 'x')"
    script.write_text(f"import pathlib, sys\n{write}\nsys.exit(0 if len(p.read_text()) == 3 else 85)\n")
    assert Runner(tmp_path / "flow", (sys.executable, str(script))).run([Node("a", (str(book),))]) == {}
    assert book.read_text() == "xxx"


def drive(tmp_path, program, book):
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "flow"), program[1], str(book)]
    return subprocess.Popen(command, cwd=ROOT)


def wait_for(book, line):
    deadline = time.monotonic() + 30
    while line not in book.read_text().splitlines():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_after_a_sigkill_finished_nodes_are_not_repeated_and_no_node_runs_twice_at_once(tmp_path, program, book):
    driver = drive(tmp_path, program, book)
    wait_for(book, "begin b")
    driver.kill()
    driver.wait()
    assert drive(tmp_path, program, book).wait(60) == 0
    lines = book.read_text().splitlines()
    assert lines.count("begin a") == 1
    # What the killed runner had begun ended by itself before it was begun again.
    assert lines == ["begin a", "end a", "begin b", "end b", "begin b", "end b", "begin c", "end c"]


def test_a_sigterm_ends_the_processes_and_is_told_apart(tmp_path, program, book):
    driver = drive(tmp_path, program, book)
    wait_for(book, "begin b")
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(30) == 1  # Interrupted, which the program turns into 85
    time.sleep(0.2)
    assert "end b" not in book.read_text()
    assert not (tmp_path / "flow/done/b.json").exists()


def test_interrupted_in_this_process(runner, node):
    def stop(name, what):
        if what == "begins":
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="SIGTERM"):
        runner(on_change=stop).run([node("a", seconds=30), node("b", "a")])


def test_two_runners_do_not_work_on_one_workflow(tmp_path, program, book, runner, node):
    driver = drive(tmp_path, program, book)
    wait_for(book, "begin b")
    with pytest.raises(LockTaken):
        runner().run([node("a")])
    assert driver.wait(60) == 0


def test_a_node_of_the_program_does_not_outlive_a_sigkill_of_the_runner(tmp_path):
    words = ("simulate", "track_states", "--out", str(tmp_path / "data"), "--tracks", "100000000")
    driver = f"""
import sys
from pathlib import Path
from jobs.local import Runner
from jobs.nodes import Node
Runner(Path({str(tmp_path / "flow")!r}), (sys.executable, "-m", "app")).run([Node("a", {words!r})])
"""
    process = subprocess.Popen([sys.executable, "-c", driver], cwd=ROOT)
    mark = f"--out\0{tmp_path / 'data'}".encode()
    deadline = time.monotonic() + 60
    while not alive(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(3)  # it reads the lifeline once Python is up
    assert alive(mark)
    process.kill()
    process.wait()
    while alive(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(mark)


def alive(mark):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(mark in path.read_bytes())
        except OSError:
            continue
    return any(found)


def test_what_lies_blocked_nodes_a_failure(node):
    nodes = [node("a"), node("b", "a"), node("c", "b"), node("d")]
    assert blocked_nodes(nodes, ["a"]) == {"b", "c"}
    assert blocked_nodes(nodes, []) == set()


def test_a_runner_that_slept_starts_and_writes_nothing_any_more(tmp_path, program, book, node):
    folder, driver = tmp_path / "flow", tmp_path / "driver.py"
    slept = "import socket\nsocket.gethostname = lambda: 'lxplus901'  # to others another machine\n"
    driver.write_text(slept + DRIVER.replace('"3"', '"1"'))
    arguments = [sys.executable, driver, folder, program[1], book]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    sleeper = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
    while "begin b" not in book.read_text():
        time.sleep(0.01)
    sleeper.send_signal(signal.SIGSTOP)
    while "end b" not in book.read_text():
        time.sleep(0.01)
    with locked(folder / ".lock", wait=5, stale=0.5):
        before = sorted(path.name for path in (folder / "done").iterdir())
        sleeper.send_signal(signal.SIGCONT)
        error = sleeper.communicate(timeout=30)[1]
        assert sorted(path.name for path in (folder / "done").iterdir()) == before == ["a.json"]
    assert sleeper.returncode == 1
    assert f"{folder / '.lock'}: this process lost the lock while it slept, process {os.getpid()} on" in error
    assert book.read_text().splitlines() == ["begin a", "end a", "begin b", "end b"]
