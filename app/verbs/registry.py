"""`wirechamber registry`: the record of trainings in the terminal, and notes by hand."""

from __future__ import annotations

import argparse

import registry
from app.console import console, table
from app.core.errors import Problem, UserError


def execute(options: argparse.Namespace) -> int:
    """List the runs, or add a note to one."""
    root = registry.root()
    if options.words:
        _note(options.words)
        return 0
    found = registry.list_runs(root, application=options.application, state=options.state, sort=options.sort)
    if not found.rows:
        console.print(f"no runs in {root}")
        return 0
    for line in found.damaged:
        console.print(line, style="yellow", markup=False)
    table(f"registry {root}", found.header, found.rows, numbers_from=len(found.header))
    return 0


def _note(words: list[str]) -> None:
    if words[0] != "note" or len(words) < 3:
        raise UserError(Problem("not understood", ("registry",), expected='note RUN "TEXT"', received=" ".join(words)))
    registry.note(registry.root(), words[1], " ".join(words[2:]))
    console.print(f"noted: {words[1]}")
