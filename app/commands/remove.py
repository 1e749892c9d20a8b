"""`wirechamber remove`: the files of runs that are not wanted any more; the registry keeps that they existed."""

import argparse
import sys

from app.commands.show import find
from app.core.errors import Problem, UserError
from app.runs.removal import remove_run, require_idle, size_of
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("names", nargs="+", metavar="RUN", help="name or path of a run")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def execute(options: argparse.Namespace) -> int:
    """Remove the runs, after all of them were found idle and a person has agreed."""
    found = [find(name) for name in dict.fromkeys(options.names)]
    for run, record in found:
        if record is not None and record.state == "removed" and not run.path.is_dir():
            raise UserError(Problem("was removed already", (run.name,), expected="a run that has files, or had them"))
    runs = [run for run, _ in found]
    for run in runs:
        require_idle(run)
        files, size = size_of(run)
        there = f"{files:,} files, {size / 1e6:,.1f} MB" if run.path.is_dir() else "is gone; its record is left"
        console.print(f"{run.path}: {there}")
    if not options.yes and not agreed(f"remove {'it' if len(runs) == 1 else f'these {len(runs)} runs'}? [y/N] "):
        console.print("nothing was removed")
        return 0
    for run in runs:
        left = remove_run(run)
        console.print(f"removed: {run.name}; its line in the registry stays")
        if left:
            console.print(f"  left, as no run wrote it: {', '.join(path.name for path in sorted(left))}")
    return 0


def agreed(question: str) -> bool:
    """Whether a person answers yes; raises UserError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UserError(
            Problem("nobody can be asked here", ("remove",), expected="--yes, which removes without asking")
        )
    sys.stdout.write(question)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
