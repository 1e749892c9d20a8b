"""`wirechamber remove`: the files of runs that are not wanted any more; the registry keeps that they existed."""

import argparse
import sys

from app.core.errors import Problem, UserError
from app.runs.find import find_run
from app.runs.removal import remove_run, require_idle, size_of
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("names", nargs="+", metavar="RUN", help="name or path of a run")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def execute(options: argparse.Namespace) -> int:
    """Remove the runs, after all of them were found idle and a person has agreed."""
    runs = [find_run(name) for name in dict.fromkeys(options.names)]
    for run in runs:
        require_idle(run)
        files, size = size_of(run)
        console.print(f"{run.path}: {files:,} files, {size / 1e6:,.1f} MB")
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
