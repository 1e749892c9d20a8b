"""`python -m app VERB ...`: any verb, from a checkout that nobody installed; what the nodes of a workflow run."""

from __future__ import annotations

import os
import signal
import threading

from app.cli import command
from jobs.local import LIFELINE


def _follow(end: int) -> None:
    """Stop when the process that started this one is gone, even by SIGKILL: the pipe ends then."""
    os.read(end, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    if LIFELINE in os.environ:
        threading.Thread(target=_follow, args=(int(os.environ.pop(LIFELINE)),), daemon=True).start()
    command()
