"""Signals in real processes: remembered, acted on between two steps, and never lost or turned into something else."""

import os
import signal
import subprocess
import sys
import time

import pytest

from app.core import interruption
from app.core.errors import Interrupted
from app.core.files import REPOSITORY

START = "import os, signal, sys, time; from app.core import interruption; interruption.listen()\n"
KILL = "os.kill(os.getpid(), signal.SIGTERM)"


def run(code, *arguments):
    command = [sys.executable, "-c", START + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)


@pytest.mark.parametrize(
    ("number", "argument", "code", "line"),
    [
        (signal.SIGTERM, "run", 85, "interrupted by SIGTERM; continue with --resume\n"),
        (signal.SIGINT, "run", 85, "interrupted by SIGINT; continue with --resume\n"),
        (signal.SIGTERM, "report", 143, "interrupted by SIGTERM\n"),
        (signal.SIGINT, "report", 130, "interrupted by SIGINT\n"),
    ],
)
def test_with_nothing_to_finish_a_signal_ends_the_process_at_once_with_one_line(number, argument, code, line):
    done = run(f"print('begun'); os.kill(os.getpid(), {number:d}); time.sleep(30); print('never')", argument)
    assert (done.returncode, done.stdout, done.stderr) == (code, "begun\n", line)


def test_in_an_orderly_block_the_next_check_acts_and_a_repeated_signal_changes_nothing():
    code = (
        "from app.core.errors import Interrupted\n"
        "with interruption.orderly():\n"
        f"    {KILL}; {KILL}; time.sleep(0.2); print('goes on', interruption.requested())\n"
        "    try: interruption.check()\n"
        "    except Interrupted as error: print('leaves', error); sys.exit(error.exit_code)\n"
    )
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (85, "goes on SIGTERM\nleaves SIGTERM\n", "")


# A deletion that runs Python code, and one long call of C code without the interpreter's lock.
DELETION = "import weakref\nclass A: pass\na = A(); w = weakref.ref(a, lambda _: " + KILL + "); del a; print('kept')\n"
LONG_CALL = "import hashlib; " + KILL + "; hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)\n"


def test_a_signal_in_a_weak_reference_is_not_lost():
    done = run(f"with interruption.orderly():\n    exec({DELETION!r}); interruption.check()\n")
    assert done.stdout == "kept\n"
    assert done.stderr.endswith("app.core.errors.Interrupted: SIGTERM\n")
    assert "Exception ignored" not in done.stderr


def test_what_is_raised_after_a_signal_is_the_interruption():
    with interruption.orderly():
        with pytest.raises(ImportError), interruption.as_interruption():
            raise ImportError("before the signal")
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted, match="SIGINT") as caught, interruption.as_interruption():
            raise ImportError("cannot import name 'ops' from partially initialized module 'keras'")
        assert isinstance(caught.value.__cause__, ImportError)
        assert interruption.requested() == "SIGINT"
    assert interruption.requested() == ""


def test_a_keyboard_interrupt_of_foreign_code_is_an_interruption():
    with pytest.raises(Interrupted, match="SIGINT"), interruption.as_interruption():
        raise KeyboardInterrupt


def test_a_long_call_is_left_after_the_grace_with_last_words():
    code = (
        "import threading\n"
        "told = lambda name: print('told', name, threading.current_thread() is threading.main_thread())\n"
        f"with interruption.orderly(grace=0.2), interruption.at_leave(told):\n    exec({LONG_CALL!r})\n"
    )
    done = run(code, "run")
    assert (done.returncode, done.stdout) == (85, "told SIGTERM False\n")
    assert done.stderr == "interrupted by SIGTERM; continue with --resume\n"


def test_last_words_that_fail_or_hang_do_not_keep_the_process():
    code = (
        "def hang(name): time.sleep(60)\n"
        "def fail(name): print('failing'); raise OSError\n"
        "interruption.FAREWELL = 0.2\n"
        f"with interruption.orderly(grace=0.0), interruption.at_leave(hang), interruption.at_leave(fail):\n"
        f"    {KILL}; time.sleep(60)\n"
    )
    begun = time.monotonic()
    done = run(code, "run")
    assert done.returncode == 85
    assert time.monotonic() - begun < 30


def test_a_second_signal_leaves_at_once():
    twice = f"{KILL}; time.sleep(0.3); {KILL}; time.sleep(60)"
    done = run(f"interruption.REPEAT = 0.1\nwith interruption.orderly():\n    {twice}\n", "run")
    assert (done.returncode, done.stderr) == (85, "interrupted by SIGTERM; continue with --resume\n")


def test_a_block_does_not_begin_after_a_signal_and_the_innermost_one_sets_the_grace():
    code = (
        "with interruption.orderly(grace=60.0):\n"
        f"    with interruption.orderly(grace=0.1): pass\n    {KILL}\n"
        "    time.sleep(0.5); print('waited')\n"
        "    with interruption.orderly(): print('never')\n"
    )
    done = run(code)
    assert done.stdout == "waited\n"
    assert done.stderr.endswith("app.core.errors.Interrupted: SIGTERM\n")


def test_a_forked_process_dies_of_its_own_signals_and_does_not_tell_its_parent():
    code = (
        "import warnings; warnings.simplefilter('ignore')  # Python 3.12 warns of any fork beside a thread\n"
        "with interruption.orderly():\n"
        f"    child = os.fork()\n    if not child: {KILL}; time.sleep(60)\n"
        "    print(os.waitpid(child, 0)[1], repr(interruption.requested())); interruption.check()\n"
    )
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{signal.SIGTERM:d} ''\n", "")


def test_an_ignored_ctrl_c_stays_ignored():
    code = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + START
    code += "os.kill(os.getpid(), signal.SIGINT); print(repr(interruption.requested()))\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "''\n", "")


def test_where_nobody_listens_a_block_does_so_itself_and_restores_the_handlers():
    before = [signal.getsignal(number) for number in interruption.SIGNALS]
    with interruption.orderly():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted, match="SIGTERM"):
            interruption.check()
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == before
    interruption.check()  # it is forgotten
