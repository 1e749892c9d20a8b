"""`python -m app COMMAND ...` from a checkout that is not installed; the nodes of a workflow run it."""

import os
import signal
import threading

from app.cli import command
from jobs.nodes import LIFELINE


def _stop_with_parent(end: int) -> None:
    """Stop when the process that started this one has ended, even by SIGKILL: the pipe is closed then."""
    os.read(end, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    if LIFELINE in os.environ:
        threading.Thread(target=_stop_with_parent, args=(int(os.environ.pop(LIFELINE)),), daemon=True).start()
    command()
