"""Where a verb is to write: looked at before anything is computed, and nothing is made that is not filled."""

from __future__ import annotations

import os
from pathlib import Path

from app.core.errors import Problem, UserError

REFUSED = "cannot be made"


def check_folder(path: Path, option: str = "") -> None:
    """Raise UserError unless `path` is a folder that can be written to, or one can be made there.

    Args:
        path: of the folder.
        option: that names it, e.g. "--out"; none of a run's own folder.
    """
    place = next(one for one in (path.absolute(), *path.absolute().parents) if _exists(one, option))
    where = (f"{option} {place}".strip(),)
    if not place.is_dir():
        raise UserError(Problem(f"{REFUSED} (a file is in its place)", where, expected="a folder"))
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(Problem("cannot be written to", where, expected="a writable folder"))


def check_file(path: Path, option: str) -> None:
    """Raise UserError unless a file can be written at `path`, where one may be already."""
    if _exists(path, option) and path.is_dir():
        raise UserError(Problem("is a folder", (f"{option} {path}",), expected="a file, or a name for one"))
    check_folder(path.parent, option)


def make_folder(path: Path, option: str = "") -> None:
    """Make the folder, which `check_folder` found possible; raises UserError where the system refuses all the same."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"{REFUSED} ({error.strerror})"
        raise UserError(Problem(what, (f"{option} {path}".strip(),), expected="a writable folder")) from None


def _exists(path: Path, option: str) -> bool:
    """Whether something is there; in a folder that is closed to us we see nothing."""
    try:
        return path.exists()
    except PermissionError:
        return False
    except OSError as error:
        raise UserError(
            Problem(f"no path ({error.strerror})", (option,), expected="a path", received=str(path))
        ) from None
