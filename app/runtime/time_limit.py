"""How long a process may run: on a pool a run leaves by itself, with a checkpoint, before it is evicted."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass

from app.core.errors import Problem, UserError

VARIABLE = "WIRECHAMBER_TIME_LIMIT"
SHARE = 0.8
"""Of the limit that a run uses: the rest is for its measurement, and for what the worker does before it starts."""
_BEGUN = time.monotonic()


@dataclass(frozen=True)
class TimeLimit:
    """A limit [s], and since when it runs (time.monotonic)."""

    seconds: float = math.inf
    begun: float = _BEGUN

    @classmethod
    def of_process(cls) -> TimeLimit:
        """Return what $WIRECHAMBER_TIME_LIMIT [s] says, counted from the start of the process; no limit without it."""
        text = os.environ.get(VARIABLE)
        if not text:
            return cls()
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not seconds > 0:
            raise UserError(Problem("not a time limit", (VARIABLE,), expected="seconds above 0", received=text))
        return cls(seconds)

    @property
    def end(self) -> float:
        """When the share that may be used is over, as time.monotonic() counts."""
        return self.begun + SHARE * self.seconds

    def ends_in(self, seconds: float) -> bool:
        """Tell whether so many more seconds would pass the share of the limit that may be used."""
        return time.monotonic() + seconds > self.end
