"""The run that a person means by a name or a path."""

import os
from pathlib import Path

from app.core.errors import Problem, UserError, nearest
from app.runs.directory import RunDirectory, runs_root
from app.runs.replaced import settle_unless_held


def find_run(text: str, root: Path | None = None) -> RunDirectory:
    """Return the existing run that `text` means, a name or a path; raises UserError naming the nearest one.

    An old run that a killed `--overwrite` had set aside is put back first.
    """
    root = root or runs_root()
    places = [Path(text), root / text]
    for path in places:
        settle_unless_held(RunDirectory(path))
    for path in places:
        if _exists(path / "job.json"):
            full = Path(os.path.abspath(path))  # noqa: PTH100 - a linked directory keeps its own name
            return RunDirectory(full.parent.resolve() / full.name)
    for path in places:
        if _exists(path / "metrics.json") or _exists(path / "model.keras"):
            raise UserError(Problem("is missing", (str(path / "job.json"),), expected="the job of a run"))
    near = nearest(Path(text).name, [path.parent.name for path in root.glob("*/job.json")])
    raise UserError(Problem("no such run", (text,), nearest=near, expected=f"a run in {root}"))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long, or the folder may not be read
        return False
