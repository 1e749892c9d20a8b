"""A run under another name: its directory, its job, its record and the notes on it."""

import registry
from app.core.errors import Problem, UserError
from app.core.types import NAMES
from app.runs.directory import RunDirectory
from app.runs.misplaced import give_name
from app.runs.removal import require_idle


def rename_run(run: RunDirectory, name: str) -> RunDirectory:
    """Give a run that has ended another name and return its directory.

    A process that is killed in between leaves a directory of one name and a record of the other, which
    `registry --check` shows.

    Raises:
        UserError: not a name, or one that is taken; a process works on the run.
    """
    require_idle(run)
    new = RunDirectory(run.path.parent / NAMES.check(name))
    root = registry.root()
    if new.path.exists() or registry.find(root, name) is not None:
        raise UserError(Problem("a run of this name exists already", (name,), expected="another name"))
    registry.check_writable(root)
    give_name(run, run.name, name)
    run.path.rename(new.path)
    return new
