"""The console command `wirechamber`, and `python -m app` or `python app/__main__.py`, which processes of ours run."""

import os
import sys

if not __package__:  # run as a file, whose own folder Python has put first; pathlib takes longer than all of this
    sys.path[: not sys.flags.safe_path] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]  # noqa: PTH100, PTH120

from app.core import interruption

interruption.listen()

from app.core.packages import put_first  # noqa: E402  (a signal is remembered before anything large is imported)

put_first()

import signal  # noqa: E402
import threading  # noqa: E402

from app.cli import command as command  # noqa: E402
from jobs.nodes import LIFELINE  # noqa: E402


def _stop_with_parent(end: int) -> None:
    """Stop when the process that started this one has ended, even by SIGKILL: the pipe is closed then."""
    os.read(end, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    if LIFELINE in os.environ:
        threading.Thread(target=_stop_with_parent, args=(int(os.environ.pop(LIFELINE)),), daemon=True).start()
    command()
