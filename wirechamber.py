"""The console command `wirechamber`, and `import wirechamber` of notebooks and scripts, whose names lie in app/api.py.

A module of a name that nobody else has finds the package `app` next to it. Many a script is called app.py, too; in a
folder of PYTHONPATH it would be imported in place of the program's package.
"""

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from app.api import (
        Data,
        Job,
        UserError,
        load,
        load_data,
        read_arrays,
        read_batches,
        read_history,
        read_job,
        read_predictions,
        run,
    )

__all__ = [
    "Data",
    "Job",
    "UserError",
    "load",
    "load_data",
    "read_arrays",
    "read_batches",
    "read_history",
    "read_job",
    "read_predictions",
    "run",
]
FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib takes longer than all of this


def __getattr__(name: str) -> Any:
    """Return what notebooks and scripts ask for; it is loaded now, so that the console command begins at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _find_own_packages()
    from app.core.packages import put_first

    try:
        put_first()
    except SystemExit:
        raise ImportError("another package of this name was imported before: see the line above") from None
    from app import api

    return getattr(api, name)


def command() -> NoReturn:
    """Run the command of the command line and end the process; a shell that completes a word waits for the answer."""
    _find_own_packages()
    if sys.argv[1:2] == ["completion"] and len(sys.argv) == 3:
        from app.commands.completion import answer

        if answer(sys.argv[2]):
            sys.exit(0)
    from app import __main__ as program

    program.command()


def _find_own_packages() -> None:
    """Let Python find the package `app` that lies next to this file."""
    found = find_spec("app")
    if found is None or found.origin != os.path.join(FOLDER, "app", "__init__.py"):  # noqa: PTH118
        sys.path.insert(0, FOLDER)


if __name__ == "__main__":
    command()
