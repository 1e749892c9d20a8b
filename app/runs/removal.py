"""A run removed by its owner: its files go, the registry keeps the line that it existed."""

from pathlib import Path

import registry
from app.core.errors import Problem, UserError
from app.core.lock import locked
from app.core.parts import remove
from app.runs.directory import RunDirectory
from app.runs.registry_drift import is_working
from app.runs.replaced import own_files


def require_idle(run: RunDirectory) -> None:
    """Raise UserError while a process works on the run."""
    if is_working(run):
        expected = "a run that has ended; end it first with SIGTERM or Ctrl-C"
        raise UserError(Problem("a process works on this run", (str(run.path),), expected=expected))


def size_of(run: RunDirectory) -> tuple[int, int]:
    """Return how many files a run has written and their size [bytes]; what links point to does not count."""
    paths = [p for own in own_files(run) for p in ([own] if own.is_symlink() or own.is_file() else own.rglob("*"))]
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    return len(files), sum(path.stat().st_size for path in files)


def remove_run(run: RunDirectory) -> list[Path]:
    """Remove what a run has written and mark its record as removed; return files of others, which stay.

    Raises:
        UserError: a process works on the run.
        LockTaken: one has just begun to.
        NotWritten: the registry cannot be written; nothing was removed.
    """
    require_idle(run)
    root = registry.root()
    registry.check_writable(root)
    if not run.path.is_dir():
        registry.update(root, run.name, state="removed", reason="its directory was gone")
        return []
    with locked(run.lock, wait=0.0):
        for path in own_files(run):
            remove(path)
        if registry.find_or_warn(root, run.name) is not None:
            registry.update(root, run.name, state="removed", reason="removed by hand")
    left = [path for path in run.path.iterdir() if not path.name.startswith(".")]
    if not left:
        remove(run.path)
    return left
