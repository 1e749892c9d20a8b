"""The console command `wirechamber`: a module of a name that nobody else has finds the package `app` next to it.

Many a script is called app.py, too; in a folder of PYTHONPATH it would be imported in place of the program's package.
"""

import os
import sys
from importlib.util import find_spec
from typing import NoReturn

FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib takes longer than all of this


def command() -> NoReturn:
    """Run the command of the command line and end the process."""
    found = find_spec("app")
    if found is None or found.origin != os.path.join(FOLDER, "app", "__init__.py"):  # noqa: PTH118
        sys.path.insert(0, FOLDER)
    from app import __main__ as program

    program.command()


if __name__ == "__main__":
    command()
