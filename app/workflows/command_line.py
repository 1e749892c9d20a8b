"""The command line of a workflow's step, checked before any node begins."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from typing import Any

from app.core.errors import Problem, UserError

Parse = Callable[[Sequence[str]], Any]
"""Reads a command line; ends with SystemExit and one line where it is wrong."""


def check_command_line(arguments: Sequence[str], parse: Parse) -> None:
    """Read a command line as the node will; raises UserError where it is wrong."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
            parse(list(arguments))
    except SystemExit as end:
        if not end.code:  # --help
            return
        line = next(reversed(output.getvalue().strip().splitlines()), "not a valid command line")
        raise UserError(
            Problem(line, ("command",), expected="arguments of a wirechamber command", received=list(arguments))
        ) from None
