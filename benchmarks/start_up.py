"""How long a verb that needs no TensorFlow takes to answer: whole processes, and whether TensorFlow was loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from _results import ROOT, interleaved, options, report, timed

VERBS = {
    "--help": ["--help"],
    "validate": ["validate", "json/track_extrapolation/mlp_tiny.json"],
    "list": ["list"],
    "registry": ["registry"],
}
CALL = "import sys; from app.cli import main; code = main(sys.argv[1:])"
LOOK = CALL + "; sys.stderr.write('loaded' if 'tensorflow.python' in sys.modules else 'absent'); sys.exit(code)"


def process(words: list[str], code: str = CALL) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Return a function that runs the verb in a fresh process."""
    return lambda: subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True)


def main() -> None:
    """Measure every verb beside a bare interpreter."""
    chosen = options(__doc__)
    cases = {name: timed(process(words)) for name, words in VERBS.items()}
    bare = {
        "bare interpreter": timed(process([], "pass")),
        "import numpy, pydantic": timed(process([], "import numpy, pydantic")),
    }
    seconds = interleaved({**bare, **cases}, 3 if chosen.quick else 7)
    rows = [{"process": name, "seconds": value, "TensorFlow": _tensorflow(name)} for name, value in seconds.items()]
    report("Start-up", rows, chosen)


def _tensorflow(name: str) -> str:
    if name not in VERBS:
        return ""
    words = VERBS[name]
    return "" if words == ["--help"] else process(words, LOOK)().stderr.strip()[-6:]


if __name__ == "__main__":
    main()
