"""The nodes of a workflow as processes of this machine: in order, at most so many at once, none of them twice."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from app.core.errors import Interrupted, WirechamberError
from app.core.files import write_json
from app.core.lock import locked
from jobs.nodes import Node, beyond

LOOK = 0.05
"""Seconds between two looks at the processes."""
GRACE = 60.0
"""Seconds that a process has from SIGTERM to SIGKILL."""
AGAIN = 85
"""Exit code of a process that left with a checkpoint, to be started again."""
LIFELINE = "WIRECHAMBER_LIFELINE"
"""Tells a process of the pipe that ends with us, so that it does not outlive a SIGKILL."""


@dataclass(frozen=True)
class Runner:
    """Runs nodes.

    Attributes:
        folder: of the workflow: `done/` remembers finished nodes, `logs/` is what they printed.
        program: the command before a node's words.
        environment: of the processes.
        workers: how many nodes at once.
        tell: is told of each node what became of it.
    """

    folder: Path
    program: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    workers: int = 1
    tell: Callable[[str, str], None] = lambda node, what: None

    def log(self, node: str) -> Path:
        """Return what a node printed."""
        return self.folder / "logs" / f"{node}.log"

    def finished(self, node: Node) -> bool:
        """Whether this very command ended well before and what it left is there."""
        try:
            words = json.loads((self.folder / "done" / f"{node.name}.json").read_text())["words"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return bool(words == list(node.words) and (node.output is None or node.output.exists()))

    def run(self, nodes: Sequence[Node]) -> dict[str, int | None]:
        """Run nodes, which stand in an order that respects `after`.

        Returns:
            the exit code of each node that failed, None for one that could not begin because of it; empty: all is done.

        Raises:
            Interrupted: SIGTERM or Ctrl-C came; the processes were stopped.
            WirechamberError: another process runs this workflow, or what an earlier one started goes on.
        """
        for below in ("done", "logs"):
            (self.folder / below).mkdir(parents=True, exist_ok=True)
        with locked(self.folder / ".lock", wait=0.0), _alone(self.folder / ".processes") as held:
            return _Work(self, list(nodes), held).run()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[int]:
    """Hold a lock that every process we start holds too: it is free when the last one of an earlier call has ended."""
    with path.open("w") as file:
        deadline = time.monotonic() + GRACE
        while not _taken(file.fileno()):
            if time.monotonic() > deadline:
                raise WirechamberError(f"{path}: processes of an earlier call still run; end them, or wait.")
            time.sleep(LOOK)
        yield file.fileno()


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


class _Work:
    """One call of a runner."""

    def __init__(self, runner: Runner, nodes: list[Node], held: int) -> None:
        self.runner, self.nodes, self.held = runner, nodes, held
        self.done: set[str] = set()
        self.failed: dict[str, int] = {}
        self.running: dict[str, tuple[Node, subprocess.Popen[bytes], float]] = {}
        self.stopped: str | None = None

    def run(self) -> dict[str, int | None]:
        for node in self.nodes:
            if self.runner.finished(node):
                self.done.add(node.name)
                self.runner.tell(node.name, "done before")
        lifeline = os.pipe()
        try:
            with self._signals():
                while self._step(lifeline[0]):
                    time.sleep(LOOK)
        finally:
            self._stop()
            for end in lifeline:
                os.close(end)
        if self.stopped:
            raise Interrupted(self.stopped)
        lost = dict.fromkeys(node.name for node in self.nodes if node.name in beyond(self.nodes, self.failed))
        return {**self.failed, **lost}

    def _step(self, lifeline: int) -> bool:
        """Look at what runs, start what may begin, and say whether there is more to wait for."""
        for node, process, begun in list(self.running.values()):
            if process.poll() is not None:
                self._ended(node, process.returncode, time.monotonic() - begun)
        if self.stopped:
            return False
        for node in self.nodes:
            if len(self.running) < self.runner.workers and self._may_begin(node):
                self.running[node.name] = (node, self._start(node, lifeline), time.monotonic())
                self.runner.tell(node.name, "begins")
        return bool(self.running)

    def _may_begin(self, node: Node) -> bool:
        begun = node.name in self.done or node.name in self.failed or node.name in self.running
        return not begun and self.done >= set(node.after)

    def _start(self, node: Node, lifeline: int) -> subprocess.Popen[bytes]:
        environment = {**self.runner.environment, LIFELINE: str(lifeline)}
        with self.runner.log(node.name).open("ab") as log:
            return subprocess.Popen(
                [*self.runner.program, *node.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(lifeline, self.held),
                start_new_session=True,  # Ctrl-C is for us; they get a SIGTERM from us
            )

    def _ended(self, node: Node, code: int, seconds: float) -> None:
        del self.running[node.name]
        if code == 0:
            facts = {"words": list(node.words), "seconds": round(seconds, 1), "finished": _now()}
            write_json(self.runner.folder / "done" / f"{node.name}.json", facts)
            self.done.add(node.name)
            self.runner.tell(node.name, f"done in {seconds:.0f} s")
        elif code == AGAIN:
            self.runner.tell(node.name, "left with a checkpoint")
        else:
            self.failed[node.name] = code
            self.runner.tell(node.name, f"failed, {_in_words(code)}; see {self.runner.log(node.name)}")

    def _stop(self) -> None:
        """Ask what runs to leave with a checkpoint, and make it; what ends well meanwhile is remembered."""
        for _, process, _ in self.running.values():
            process.terminate()
        deadline = time.monotonic() + GRACE
        for node, process, begun in list(self.running.values()):
            try:
                code = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code == 0:
                self._ended(node, code, time.monotonic() - begun)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(number: int, _frame: FrameType | None) -> None:
            self.stopped = signal.Signals(number).name

        before = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def _in_words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by signal {-code}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
