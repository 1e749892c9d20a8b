"""The nodes of a workflow as processes of this machine: in order, a limited number at once, none of them twice."""

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.core import interruption
from app.core.errors import UserError, WirechamberError
from app.core.files import read_json, write_json
from app.core.lock import LeaseLost, locked
from app.core.parts import check_may_write, sweep
from app.core.system import describe_end, now
from jobs.nodes import LIFELINE, Node, blocked_nodes

POLL = 0.05
"""Seconds between two looks at the processes."""
GRACE = 60.0
"""Seconds that a process has from SIGTERM to SIGKILL."""
AGAIN = interruption.RESUMABLE
"""Exit code of a process that left with a checkpoint and is started again."""


@dataclass(frozen=True)
class Runner:
    """Runs nodes.

    Attributes:
        folder: of the workflow: `done/` has a file for each finished node, `logs/` the output of each node.
        program: the command that comes before a node's arguments.
        environment: of the processes.
        workers: how many nodes run at once.
        on_change: called with the name of a node and what happened to it.
    """

    folder: Path
    program: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    workers: int = 1
    on_change: Callable[[str, str], None] = lambda node, what: None

    def log(self, node: str) -> Path:
        """Return the file with the output of a node."""
        return self.folder / "logs" / f"{node}.log"

    def finished(self, node: Node) -> bool:
        """Whether this very command succeeded before and its output is there."""
        try:
            arguments = read_json(self.folder / "done" / f"{node.name}.json")["words"]
        except (UserError, KeyError):
            return False
        return bool(arguments == list(node.arguments) and (node.output is None or node.output.exists()))

    def run(self, nodes: Sequence[Node]) -> dict[str, int | None]:
        """Run nodes, in an order that respects `after`.

        Returns:
            the exit code of each node that failed, None for one that could not begin because of it; empty when all
            nodes are done.

        Raises:
            Interrupted: SIGTERM or Ctrl-C came; the processes were stopped.
            LeaseLost: another process has taken over the workflow while this one slept.
            WirechamberError: another process runs this workflow, or processes of an earlier call are still running.
        """
        for below in ("done", "logs"):
            (self.folder / below).mkdir(parents=True, exist_ok=True)
        with locked(self.folder / ".lock", wait=0.0), _shared_lock(self.folder / ".processes") as descriptor:
            sweep(self.folder / "done")
            return _Call(self, list(nodes), descriptor).run()


@contextlib.contextmanager
def _shared_lock(path: Path) -> Iterator[int]:
    """Hold a lock that every started process inherits: it is free when the last one of an earlier call has ended."""
    with path.open("w") as file:
        deadline = time.monotonic() + GRACE
        while True:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    what = "processes of an earlier call still run; end them, or wait"
                    raise WirechamberError(f"{path}: {what}.") from None
                time.sleep(POLL)
            except OSError:  # a file system without locks
                break
            else:
                break
        yield file.fileno()


class _Call:
    """One call of a runner."""

    def __init__(self, runner: Runner, nodes: list[Node], lock: int) -> None:
        self.runner, self.nodes, self.lock = runner, nodes, lock
        self.done: set[str] = set()
        self.failed: dict[str, int] = {}
        self.running: dict[str, tuple[Node, subprocess.Popen[bytes], float]] = {}

    def run(self) -> dict[str, int | None]:
        for node in self.nodes:
            if self.runner.finished(node):
                self.done.add(node.name)
                self.runner.on_change(node.name, "done before")
        lifeline = os.pipe()
        with interruption.orderly(grace=1.5 * GRACE):  # the processes have their own
            try:
                while self.step(lifeline[0]):
                    time.sleep(POLL)
            finally:
                self.stop()
                for end in lifeline:
                    os.close(end)
            interruption.check()
        blocked = blocked_nodes(self.nodes, self.failed)
        return {**self.failed, **dict.fromkeys(node.name for node in self.nodes if node.name in blocked)}

    def step(self, lifeline: int) -> bool:
        """Look at the running processes, start nodes that may begin, and tell whether any process is running."""
        for node, process, begun in list(self.running.values()):
            if process.poll() is not None:
                self.finish(node, process.returncode, time.monotonic() - begun)
        if interruption.requested():
            return False
        for node in self.nodes:
            begun_before = node.name in self.done or node.name in self.failed or node.name in self.running
            if len(self.running) < self.runner.workers and not begun_before and self.done >= set(node.after):
                check_may_write()  # another runner that took over has started it
                self.running[node.name] = (node, self.start(node, lifeline), time.monotonic())
                self.runner.on_change(node.name, "begins")
        return bool(self.running)

    def start(self, node: Node, lifeline: int) -> subprocess.Popen[bytes]:
        environment = {**self.runner.environment, LIFELINE: str(lifeline)}
        with self.runner.log(node.name).open("ab") as log:
            return subprocess.Popen(
                [*self.runner.program, *node.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(lifeline, self.lock),
                start_new_session=True,  # Ctrl-C reaches the runner alone, which sends SIGTERM to the processes
            )

    def finish(self, node: Node, code: int, seconds: float) -> None:
        """Write down and report how a process ended."""
        del self.running[node.name]
        if code == 0:
            facts = {"words": list(node.arguments), "seconds": round(seconds, 1), "finished": now()}
            write_json(self.runner.folder / "done" / f"{node.name}.json", facts)
            self.done.add(node.name)
            self.runner.on_change(node.name, f"done in {seconds:.0f} s")
        elif code == AGAIN:
            self.runner.on_change(node.name, "left with a checkpoint")
        else:
            self.failed[node.name] = code
            self.runner.on_change(node.name, f"failed, {describe_end(code)}; see {self.runner.log(node.name)}")

    def stop(self) -> None:
        """Let the running processes leave with a checkpoint, kill the others; one that succeeds is written down."""
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
                with contextlib.suppress(LeaseLost):  # who took over finds its output
                    self.finish(node, code, time.monotonic() - begun)
