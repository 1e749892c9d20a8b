"""Compiled code on disk that is never older than its source. Imported with numba.

numba's cache of a function knows changes in the file of that function, not in those of the functions it calls. The
entry functions of the simulation are therefore made inside a function whose argument is a digest of all these files:
values that a function encloses belong to the key of its cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

HERE = Path(__file__).parent
SOURCES = (
    *(HERE, HERE.parents[2] / "app/physics/argon", HERE.parent / "engine/compiled_random.py"),
    HERE.parents[1] / "pipeline/event_keys.py",
)
"""Where the compiled code comes from: folders, and single files."""


def digest() -> int:
    """Return a number that changes with the source of the simulation."""
    paths = [path for source in SOURCES for path in (source.glob("*.py") if source.is_dir() else (source,))]
    text = b"".join(path.read_bytes() for path in sorted(paths))
    return int.from_bytes(hashlib.sha256(text).digest()[:7])


def entry(make: Callable[[int], Callable[..., Any]]) -> Any:
    """Compile what `make(digest)` returns, without the lock, and keep it on disk where there is a folder to write."""
    function = make(digest())
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the folder of the source nor the user's cache can be written
        return numba.njit(nogil=True)(function)
