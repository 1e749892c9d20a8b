"""SIGTERM and Ctrl-C: the handler remembers the signal, the program acts on it between two steps.

A handler that raises does so inside whatever runs at that moment: an import swallows or changes the exception, a
callback of a weak reference drops it. Here nothing is raised in a handler. The program calls `check` between its steps,
and what foreign code raises after a signal counts as the interruption too. A thread, which the system wakes through a
pipe even while C code runs, ends a process that reaches no such point in time, and one that has nothing to finish.

This module is imported before any other, so it imports little.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT)
RESUMABLE = 85
"""Exit code of a process that stopped and can be resumed."""
GRACE = 8.0
"""Seconds from the signal to the next `check`; `docker stop` kills after 10, Slurm and Kubernetes after 30 seconds."""
REPEAT = 1.0
"""Seconds in which a signal is taken for the first one once more: `timeout` sends it twice."""
FAREWELL = 5.0
"""Seconds for what is written down before the process is left, on a file system that may not answer."""

_received = ""
_orderly: list[float] = []
"""The grace of each block that wants to be left in order; the innermost one counts."""
_farewells: list[Callable[[str], None]] = []
_lock = threading.Lock()
_listener: "_Listener | None" = None
_resumable: bool | None = None


def listen(resumable: bool | None = None) -> None:
    """Handle SIGTERM and Ctrl-C from now on, in the main thread of a process that is the program's own.

    Until an `orderly` block begins, a signal ends the process at once, with one line: exit code 85 where it can be
    resumed, as a run that has written nothing yet, and else 128 plus the number of the signal.

    Args:
        resumable: default: whether the command line says `run`.
    """
    global _listener, _resumable
    _resumable = _resumable if resumable is None else resumable
    if _listener is None:
        _listener = _Listener()
        _listener.watch_in_thread()


def requested() -> str:
    """Return the name of the first signal that came; empty while there is none."""
    return _received


def check() -> None:
    """Raise Interrupted where a signal came, in the main thread: the others belong to foreign code."""
    if _received and threading.current_thread() is threading.main_thread():
        from app.core.errors import Interrupted

        raise Interrupted(_received)


@contextlib.contextmanager
def orderly(grace: float = GRACE) -> Iterator[None]:
    """Let a signal in this block be remembered only: the steps inside call `check`.

    Where a process does not `listen`, as a notebook, a second signal does what it did before, and no grace ends it.

    Args:
        grace: seconds from the signal to the end of the process, whatever it does.

    Raises:
        Interrupted: a signal came before the block.
    """
    global _listener
    own = _listener is None and threading.current_thread() is threading.main_thread()
    if own:
        _listener = _Listener()
    with _lock:
        _orderly.append(grace)
    try:
        check()
        yield
    finally:
        with _lock:
            _orderly.pop()
        if own and _listener is not None:
            _listener.close()


@contextlib.contextmanager
def leave_at_once() -> Iterator[None]:
    """Let a signal in this block, in which nothing can be lost, end the process without a `check`, with last words."""
    with orderly(grace=0.0) if _listener is not None else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def at_leave(farewell: Callable[[str], None]) -> Iterator[None]:
    """Call `farewell(signal)`, in another thread, where the process is ended inside this block without `check`."""
    _farewells.append(farewell)
    try:
        yield
    finally:
        _farewells.remove(farewell)


@contextlib.contextmanager
def as_interruption() -> Iterator[None]:
    """Raise what is raised in the block as Interrupted where a signal came before: foreign code turns one into another.

    Raises:
        Interrupted: a signal came, or KeyboardInterrupt was raised.
    """
    try:
        yield
    except BaseException as error:
        from app.core.errors import Interrupted

        name = _received or ("SIGINT" if isinstance(error, KeyboardInterrupt) else "")
        if not name or isinstance(error, Interrupted):
            raise
        raise Interrupted(name) from error


def describe(cause: object, resumable: bool) -> str:
    """Return the line that a command ends with when it was interrupted."""
    return f"interrupted by {cause}{'; continue with --resume' if resumable else ''}"


def exit_code(name: str, resumable: bool) -> int:
    """Return the exit code after a signal, that of a shell where the command cannot be resumed."""
    return RESUMABLE if resumable else 128 + signal.Signals[name]


class _Listener:
    """The handlers and, in the program's own process, a thread that is woken through a pipe when a signal arrives."""

    watches = False

    def __init__(self) -> None:
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # as nohup and & set it
        self.handlers = {number: signal.signal(number, _remember) for number in heard}

    def close(self) -> None:
        """Restore the handlers of before, and forget what came."""
        global _listener, _received
        self.restore()
        _listener, _received = None, ""

    def restore(self) -> None:
        """Restore the handlers of before."""
        for number, handler in self.handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def watch_in_thread(self) -> None:
        """Let a thread see the signals of a process that is the program's own."""
        self.watches = True
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.writing, False)
        try:
            self.stderr = os.dup(2)  # descriptor 2 may be redirected when the last line is written
        except OSError:
            self.stderr = 2
        signal.set_wakeup_fd(self.writing, warn_on_full_buffer=False)
        threading.Thread(target=self.watch, name="signals", daemon=True).start()
        if _received:  # before there was a pipe
            os.write(self.writing, bytes([signal.Signals[_received]]))

    def watch(self) -> None:
        """Wait for signals; end the process at once, after the grace, or at a second signal."""
        first: float | None = None
        end: float | None = None
        while True:
            patience = None if end is None else max(0.0, end - time.monotonic())
            ready = select.select([self.reading], [], [], patience)[0]
            numbers = os.read(self.reading, 64) if ready else b""
            arrived = [number for number in SIGNALS if number in numbers]
            for number in arrived:
                _remember(number, None)
            if first is None and arrived:
                first = time.monotonic()
                with _lock:  # no block begins while this is decided
                    if not _orderly:
                        self.leave()
                    end = first + _orderly[-1]
            elif first is not None and (not ready or (arrived and time.monotonic() - first > REPEAT)):
                self.leave()

    def leave(self) -> None:
        """End the process as SIGKILL would, but with its last words and the right exit code."""

        def write_down() -> None:
            for farewell in reversed(_farewells):
                with contextlib.suppress(Exception):
                    farewell(_received)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()

        thread = threading.Thread(target=write_down, daemon=True)
        thread.start()
        thread.join(FAREWELL)
        resumable = sys.argv[1:2] == ["run"] if _resumable is None else _resumable
        with contextlib.suppress(OSError):
            os.write(self.stderr, f"{describe(_received, resumable)}\n".encode())
        os._exit(exit_code(_received, resumable))


def _remember(number: int, _frame: object) -> None:
    """Remember the first signal; where no thread watches, the next one does what it did before."""
    global _received
    _received = _received or signal.Signals(number).name
    if _listener is not None and not _listener.watches:
        _listener.restore()


def _forget_after_fork() -> None:
    """Let a forked process die of a signal as any other: the pipe that tells of it is its parent's."""
    global _listener, _received
    if _listener is not None:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
    _listener, _received = None, ""
    _orderly.clear()
    _farewells.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
