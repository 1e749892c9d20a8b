"""The run that `--overwrite` replaces: set aside, and removed only once the new one has left something."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import registry
from app.core.errors import Problem, UserError
from app.core.files import read_json, write_bytes
from app.core.lock import LockTaken, locked
from app.core.parts import check_may_write, remove
from app.core.system import roots
from app.runs.directory import RunDirectory

logger = logging.getLogger(__name__)

FILES = (
    *("log.txt", "output.txt", "provenance.json", "normalization.json", "model_config.json", "history.json"),
    *("model.keras", "model.onnx", "metrics.json", "predictions.csv", "predictions.root", "displays.npz"),
    *("jacobian.json", "benchmark.json", "mlflow.json", "best.json", "trials.csv"),
    *("checkpoints", "components", "plots", "evaluation", "search", "trials", "registry", "tensorboard"),
)
"""What a run writes into its directory, next to job.json; everything else there is the user's."""
RECORD = "record.json"
"""The old run's record in the registry, as it was, among its files."""


def refuse_foreign(run: RunDirectory) -> None:
    """Raise UserError where the directory holds something, but not the job.json of a run."""
    if not run.path.exists() or not any(not entry.name.startswith(".") for entry in run.path.iterdir()):
        return
    expected = "the directory of a run, with its job.json; --overwrite removes nothing else"
    job = read_json(run.job, expected)
    if "application" not in job or "tasks" not in job:
        raise UserError(Problem("is not the job of a run", (str(run.job),), expected=expected))


@contextlib.contextmanager
def replaced(run: RunDirectory) -> Iterator[None]:
    """Set the files of an earlier run aside while the block runs; only with the lock of the run.

    Afterwards they are removed if the new run has left a checkpoint or a model, and put back if it has not. What a
    killed process left is settled in the same way by the next one. Files of the user stay where they are.

    Raises:
        UserError: the directory holds something else than a run.
        NotWritten: the registry cannot be written.
    """
    set_aside(run)
    try:
        yield
    finally:
        try:
            settle(run)
        except OSError as error:
            logger.warning("%s is left to the next run of this name: %s", aside(run), error)


def set_aside(run: RunDirectory) -> None:
    """Move the files of a run out of the way, when it is known that its directory and the registry can be written.

    While they lie in `moving`, all of them belong to the old run, wherever they are; the rename to `aside` says that
    none is left in the run's own place. So a kill at any moment loses nothing.
    """
    refuse_foreign(run)
    registry.check_writable(registry.root())
    if not run.job.exists():
        return
    check_may_write()
    moving(run).mkdir()
    record = registry_file(run)
    if record.exists():
        write_bytes(moving(run) / RECORD, lambda file: file.write(record.read_bytes()))
    for path in own_files(run):
        path.rename(moving(run) / path.name)
    moving(run).rename(aside(run))


def settle(run: RunDirectory) -> None:
    """Remove the old run that was set aside if there is a new one, else put it back; raises what `remove` raises."""
    if aside(run).exists():
        if run.exists:
            remove(aside(run))
            return
        for path in own_files(run):
            remove(path)
        aside(run).rename(moving(run))
        logger.warning("%s: the new run has left nothing, the old one is in its place again", run.path)
    if not moving(run).exists():
        return
    check_may_write()
    record = moving(run) / RECORD
    if record.exists():
        write_bytes(registry_file(run), lambda file: file.write(record.read_bytes()))
        registry.refresh(registry.root())
    for path in sorted(moving(run).iterdir()):
        if path != record and not path.name.startswith("."):
            path.rename(run.path / path.name)
    remove(moving(run))


def settle_unless_held(run: RunDirectory) -> None:
    """Settle what a killed process left, for a reader; a process that works on the run does it itself."""
    with contextlib.suppress(LockTaken, OSError):
        if aside(run).exists() or moving(run).exists():
            with locked(run.lock, wait=0.0):
                settle(run)


def own_files(run: RunDirectory) -> list[Path]:
    """Return what a run has written into its directory, links included; job.json, which identifies it, comes last."""
    paths = [run.path / name for name in (*FILES, run.job.name)]
    kept = roots().registry.resolve()
    return [path for path in paths if (path.exists() or path.is_symlink()) and path.resolve() != kept]


def aside(run: RunDirectory) -> Path:
    """Return where the old run lies while the new one has not left anything yet."""
    return run.path / ".replaced"


def moving(run: RunDirectory) -> Path:
    """Return where files of the old run lie while they are moved."""
    return run.path / ".replaced.moving"


def registry_file(run: RunDirectory) -> Path:
    """Return the file of the run's record."""
    return registry.root() / "runs" / f"{run.name}.json"
