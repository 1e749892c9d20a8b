"""Child processes, which load TensorFlow so that the worker need not, and how long a process may run."""

import contextlib
import faulthandler
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any, NoReturn, Self

from app.core import interruption
from app.core.errors import Interrupted, Problem, UserError, WirechamberError
from app.core.system import describe_end, first_packages
from app.runtime import device as _device  # noqa: F401 - chooses Keras' backend before anything loads it

WARM = "app.runtime.warm"
GRACE = 60.0
"""Seconds from SIGTERM to SIGKILL; a process leaves by itself after interruption.GRACE."""
POLL = 0.2
"""Seconds between two looks at a process and at the signals that came."""
STOPPED = (Interrupted.exit_code, -signal.SIGTERM, -signal.SIGINT)
"""Exit codes of a process that was asked to stop."""
TIME_LIMIT = "WIRECHAMBER_TIME_LIMIT"
"""The environment variable that holds the time limit of a process [s]."""
SHARE = 0.8
"""The share of the time limit that a run uses: the rest is for its measurement and the start of the worker."""
_BEGUN = time.monotonic()


@dataclass(frozen=True)
class Processes:
    """Makes processes, each with an environment of its own.

    With `warm` they are forked from a server that has imported TensorFlow and done nothing with it: TensorFlow starts
    its threads with the first operation, so that a fork before it is sound. What CUDA does when it is loaded is not
    known to be, and there each process imports for itself.
    """

    warm: bool = True

    def start(self, work: Callable[..., int], *arguments: Any, environment: Mapping[str, str]) -> Any:
        """Start `work(*arguments)`; what it returns is the exit code."""
        context: Any = multiprocessing.get_context("forkserver" if self.warm else "spawn")
        if self.warm:
            context.set_forkserver_preload([WARM])
            with _environment(**first_packages()):
                forkserver.ensure_running()
        child = context.Process(target=_begin, args=(dict(environment), work, arguments))
        try:
            child.start()
        except (EOFError, ConnectionError) as error:
            what = "the process that loads TensorFlow has died; what it wrote stands above"
            raise WirechamberError(f"{what} ({error or type(error).__name__})") from None
        return child

    def run(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run `work(*arguments)` in a process of its own to its end.

        Raises:
            WirechamberError: what `work` raised, or that the process died.
        """
        receive, send = multiprocessing.Pipe(duplex=False)
        child = self.start(_run_and_send, send, work, arguments, environment=os.environ)
        send.close()
        try:
            while child.is_alive():
                child.join(POLL)
                interruption.check()
        finally:
            stop(child)
        with contextlib.suppress(EOFError):
            raise receive.recv()
        if child.exitcode:
            raise WirechamberError(f"the process that publishes the result {describe_end(child.exitcode)}")


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set variables of the environment while the block runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def stop(child: Any) -> None:
    """Ask a process to stop, and make it."""
    if not child.is_alive():
        return
    child.terminate()
    child.join(GRACE)
    if child.is_alive():
        child.kill()
        child.join()


def _begin(environment: dict[str, str], work: Callable[..., int], arguments: tuple[Any, ...]) -> NoReturn:
    """Do the work and end the process at once: nothing waits for TensorFlow's threads."""
    interruption.listen(resumable=True)
    faulthandler.enable(all_threads=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the worker alone, which sends SIGTERM
    os.environ.clear()
    os.environ.update(environment)

    def follow_the_worker() -> None:
        """Stop when the worker dies, even by SIGKILL: nobody would look after this process."""
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow_the_worker, daemon=True).start()
    from app.runtime.console import configure

    configure()
    try:
        with interruption.as_interruption():
            code = work(*arguments)
    except Interrupted:
        code = Interrupted.exit_code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run_and_send(send: Any, work: Callable[..., None], arguments: tuple[Any, ...]) -> int:
    try:
        work(*arguments)
    except WirechamberError as error:
        send.send(error)
        return error.exit_code
    return 0


@dataclass(frozen=True)
class TimeLimit:
    """A limit [s], and since when it runs (time.monotonic)."""

    seconds: float = math.inf
    begun: float = _BEGUN

    @classmethod
    def of_process(cls) -> Self:
        """Return what $WIRECHAMBER_TIME_LIMIT [s] says, counted from the start of the process; no limit without it."""
        text = os.environ.get(TIME_LIMIT)
        if not text:
            return cls()
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not seconds > 0:
            raise UserError(Problem("not a time limit", (TIME_LIMIT,), expected="seconds above 0", received=text))
        return cls(seconds)

    @property
    def end(self) -> float:
        """When the share that may be used is over, as time.monotonic() counts."""
        return self.begun + SHARE * self.seconds

    def ends_in(self, seconds: float) -> bool:
        """Whether so many more seconds would exceed the share of the limit that may be used."""
        return time.monotonic() + seconds > self.end
