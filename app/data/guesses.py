"""What a first job of a table says of a guess that may well be wrong."""

import re
from collections.abc import Iterable, Sequence

STATE = ("x", "y", "tx", "ty")
MOMENTUM = re.compile(r"(.*[_/])?(qop|q_?over_?p|q/p)([\W\d_].*)?", re.I)
MOST = 20
"""So many inputs are named."""


def last_column(target: str, inputs: Sequence[str]) -> str:
    """Return what is said where the last column is taken as the target, as no name says what to learn."""
    more = f" and {len(inputs) - MOST} more" if len(inputs) > MOST else ""
    return (
        f"no name says what to learn, so the last column is taken: {target}, from {', '.join(inputs[:MOST])}{more}; "
        "--inputs and --targets say which"
    )


def has_track_states(names: Iterable[str]) -> bool:
    """Whether columns are called like the states of tracks at two planes, with the same words around, and q/p.

    >>> has_track_states(["x0", "y0", "tx0", "ty0", "qop_MeV", "x1", "y1", "tx1", "ty1"])
    True
    >>> has_track_states(["x", "y", "tx", "ty", "qop"])
    False
    """
    lower = {name.lower() for name in names}
    around = {(name[:i], name[i + 1 :]) for name in lower for i, letter in enumerate(name) if letter == "x"}
    states = [(before, after) for before, after in around if {f"{before}{s}{after}" for s in STATE} <= lower]
    return len(states) > 1 and any(map(MOMENTUM.fullmatch, lower))
