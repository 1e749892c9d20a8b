"""How long a command that needs no TensorFlow takes to answer: whole processes, and whether TensorFlow was loaded."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from _results import ROOT, parse_options, report

COMMANDS = {
    "--help": ["--help"],
    "completion of an option": ["completion", "--words=run\n--"],
    "validate": ["validate", "json/track_extrapolation/mlp_tiny.json"],
    "list": ["list"],
    "registry": ["registry"],
}
CALL = "import sys; from app.cli import main; code = main(sys.argv[1:])"
LOOK = CALL + "; sys.stderr.write('loaded' if 'tensorflow.python' in sys.modules else 'absent'); sys.exit(code)"


def measure(arguments: list[str], code: str) -> tuple[float, float, str]:
    """Run a program in a fresh process; return the seconds it took, its processor time and its standard error."""
    before, begin = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    after, seconds = os.times(), time.perf_counter() - begin
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used, done.stderr.strip()


def main() -> None:
    """Measure every command and a bare interpreter in turn; the ratio of processor times depends little on the load."""
    chosen = parse_options(__doc__)
    cases: dict[str, tuple[list[str], str]] = {
        "bare interpreter": ([], "pass"),
        "import numpy, pydantic": ([], "import numpy, pydantic; pydantic.BaseModel"),
        **{name: (arguments, CALL) for name, arguments in COMMANDS.items()},
    }
    measured: dict[str, list[tuple[float, float, str]]] = {name: [] for name in cases}
    for repetition in range(1 + (3 if chosen.quick else 7)):
        for name, (arguments, code) in cases.items():
            result = measure(arguments, code)
            measured[name] += [result] if repetition else []  # the first one fills the caches
    bare = statistics.median(used for _, used, _ in measured["bare interpreter"])
    rows = []
    for name, results in measured.items():
        used = statistics.median(used for _, used, _ in results)
        loads = name in COMMANDS and name not in ("--help",)
        rows.append(
            {
                "process": name,
                "seconds": statistics.median(seconds for seconds, _, _ in results),
                "processor seconds": used,
                "times the bare interpreter": used / bare if bare else 0.0,
                "TensorFlow": measure(COMMANDS[name], LOOK)[2][-6:] if loads else "",
            }
        )
    report("Start-up", rows, chosen)


if __name__ == "__main__":
    main()
