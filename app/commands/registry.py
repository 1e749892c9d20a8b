"""`wirechamber registry`: the record of trainings in the terminal, and notes about runs."""

from __future__ import annotations

import argparse

import registry
from app.core.errors import Problem, UserError
from app.runtime.console import console, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "words", nargs="*", metavar="note RUN TEXT", help="add a note to a run; without it, list the runs"
    )
    parser.add_argument("--application", help="only this application")
    parser.add_argument("--state", help="only runs in this state")
    parser.add_argument("--sort", metavar="METRIC", help="sort by this metric")
    parser.add_argument("--check", action="store_true", help="say where the registry and the run directories disagree")
    parser.add_argument("--repair", action="store_true", help="say it, and repair the registry from the directories")


def execute(options: argparse.Namespace) -> int:
    """List the runs, or add a note to one."""
    root = registry.root()
    if options.words:
        _note(options.words)
        return 0
    if options.check or options.repair:
        return _check(options.repair)
    found = registry.list_runs(root, application=options.application, state=options.state, sort=options.sort)
    if not found.rows:
        console.print(f"no runs in {root}")
        return 0
    for line in found.damaged:
        console.print(line, style="yellow")
    table(f"registry {root}", found.header, found.rows, numbers_from=len(found.header))
    return 0


def _check(fix: bool) -> int:
    """Say where registry and run directories disagree; 1 when they do and nothing repaired it."""
    from app.runs.directory import runs_root
    from app.runs.registry_drift import find_drift, repair

    root, runs = registry.root(), runs_root()
    found = find_drift(root, runs)
    for drift in found:
        cure = f" -> {drift.changes['state']}" if drift.changes else ""
        console.print(": ".join(part for part in (drift.run, drift.what) if part) + cure)
    if not found:
        console.print(f"{root} and {runs} agree")
    left = repair(root, found) if fix else [drift.what for drift in found]
    if fix and found:
        console.print(f"repaired {len(found) - len(left)} of {len(found)}")
    return 1 if left else 0


def _note(words: list[str]) -> None:
    if words[0] != "note" or len(words) < 3:
        raise UserError(Problem("not understood", ("registry",), expected='note RUN "TEXT"', received=" ".join(words)))
    registry.note(registry.root(), words[1], " ".join(words[2:]))
    console.print(f"noted: {words[1]}")
