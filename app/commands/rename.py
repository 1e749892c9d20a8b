"""`wirechamber rename`: another name for a run, its directory and its record."""

import argparse

from app.runs.find import find_run
from app.runs.renaming import rename_run
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", metavar="RUN", help="name or path of a run")
    parser.add_argument("name", metavar="NEW", help="its new name")


def execute(options: argparse.Namespace) -> int:
    """Rename the run."""
    run = find_run(options.run)
    console.print(f"renamed: {run.name} is {rename_run(run, options.name).path}")
    return 0
