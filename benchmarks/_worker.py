"""Cases that are measured in processes of their own, one round after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping

from _results import ROOT


class Worker:
    """A process of its own per case: the idle threads of one library must not stand in the way of another.

    Args:
        script: the Python file that is run, in which `serve` answers.
        words: its arguments.
        environment: variables in which it differs from this process.
    """

    def __init__(self, script: str, *words: str, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, script, *words]
        variables = {**os.environ, **(environment or {})}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, env=variables, text=True, **pipes)

    def __call__(self) -> float:
        """Let the process work once, and return the seconds that it took."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the worker has no pipes")
        stdin.write("go\n")
        stdin.flush()
        while not (line := stdout.readline()).startswith("seconds "):
            if not line:
                raise RuntimeError(f"the worker has ended: {self.process.args}")
        return float(line.split()[1])


def serve(work: Callable[[], float]) -> None:
    """Answer each line on standard input with the seconds that the work took."""
    for _ in sys.stdin:
        print("seconds", work(), flush=True)
