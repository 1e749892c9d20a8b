"""The command line of a workflow's verb, checked before any node begins."""

from __future__ import annotations

import contextlib
import io
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any

from app.core.errors import Problem, UserError, nearest

Parse = Callable[[Sequence[str]], Any]
"""Reads a command line; ends with SystemExit where it is wrong."""


def check_verb(verb: str) -> None:
    """Raise UserError unless there is such a verb."""
    import app.verbs

    known = [module.name for module in pkgutil.iter_modules(app.verbs.__path__)]
    if verb not in known:
        raise UserError(Problem("no such verb", ("verb",), nearest(verb, known), "a verb of wirechamber", verb))


def check_words(words: Sequence[str], parse_words: Parse) -> None:
    """Read a verb's command line as the node will; raises UserError where it is wrong."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parse_words(list(words))
    except SystemExit:
        line = next(reversed(said.getvalue().strip().splitlines()), "not understood")
        raise UserError(Problem(line, ("verb",), None, "a command line that is understood", list(words))) from None
