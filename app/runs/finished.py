"""Finished runs: how every command finds, checks and copies them."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import registry
from app.core.errors import Problem, UserError
from app.core.files import check_folder, make_folder, write_file
from app.core.lock import LockTaken, locked
from app.runs.directory import RunDirectory, runs_root
from app.runs.files import check_file
from app.runs.find import find_run

EXPECTED = "a run that is done"
CARDS = ("job", "metrics", "provenance", "normalization")
"""The files that describe a model; they are copied with it."""
ORPHANED = "says the registry, but nobody holds its lock"
"""The reason given when the process was killed, or runs where it does not see this folder."""
MOMENT = 1.0
"""Seconds in which another command that looks at the same run releases the lock; a training keeps it."""


def find_finished(text: str, *needs: str, root: Path | None = None) -> RunDirectory:
    """Return the run that `text` means, a name or a path, finished and with the files that are needed.

    Args:
        text: name or path.
        needs: further files than job.json and metrics.json, as `RunDirectory` calls them.
        root: the folder of all runs.

    Raises:
        UserError: no such run, or as `refuse_unfinished`.
    """
    run = find_run(text, root)
    refuse_unfinished(run, *needs)
    return run


def find_all_finished(texts: Sequence[str], *needs: str) -> list[RunDirectory]:
    """Return several runs as `find_finished` does, each once; all mistakes are reported together."""
    runs, mistakes = list[RunDirectory](), list[Problem]()
    for text in texts:
        try:
            runs.append(find_finished(text, *needs))
        except UserError as error:
            mistakes += error.problems
    for position, run in enumerate(runs):
        if run in runs[:position]:
            mistakes.append(Problem("given twice", (run.name,), expected="different runs"))
    if mistakes:
        raise UserError(*{str(problem): problem for problem in mistakes}.values())
    return runs


def refuse_unfinished(run: RunDirectory, *needs: str) -> None:
    """Raise UserError unless a run is finished and its files are complete.

    A process that holds its lock works on it; else its record in the registry says how it ended; then its files are
    checked.

    Raises:
        UserError: it is not on this machine, is still running, was interrupted or failed, or a file is missing or
            damaged.
    """
    if not run.path.is_dir():
        what = "the run's directory is not on this machine"
        raise UserError(Problem(what, (str(run.path),), expected="a run directory of this machine"))
    state, reason = state_of(run)
    if state not in ("done", ""):
        explanation = f" ({reason})" if reason else ""
        raise UserError(Problem(f"the run is {state}{explanation}", (str(run.path),), expected=EXPECTED))
    if not run.metrics.exists():
        what = "the run has not finished: there is no metrics.json"
        raise UserError(Problem(what, (str(run.path),), expected=EXPECTED))
    if "model" in needs and not run.model.exists():
        raise UserError(Problem("the run has no model yet", (str(run.model),), expected=EXPECTED))
    for name in ("job", "metrics", *needs):
        check_file(getattr(run, name))


def state_of(run: RunDirectory) -> tuple[str, str]:
    """Return the state of a run and its reason; ("", "") where the registry does not know it, as a run of elsewhere."""
    try:
        with locked(run.lock, wait=MOMENT):
            pass
    except LockTaken:
        return "running", ""
    except OSError:  # the folder cannot be written to: no process works there
        pass
    if run.path.parent != runs_root().resolve():
        return "", ""
    record = registry.find_or_warn(registry.root(), run.name)
    if record is None:
        return "", ""
    return record.state, record.reason or (ORPHANED if record.state == "running" else "")


def copy_run(run: RunDirectory, folder: Path) -> list[Path]:
    """Copy model.keras, model.onnx where there is one, and the files that describe them; return the copies.

    Every file is checked before the first one is copied, and each is replaced atomically.

    Raises:
        UserError: as `refuse_unfinished`, the folder cannot be made or written to, or it holds the
            model.onnx of another run and this run has none to replace it.
    """
    refuse_unfinished(run, "model", *CARDS)
    check_folder(folder, "--copy-to")
    old = folder / run.onnx.name
    if old.exists() and not run.onnx.exists():
        what = f"would stay next to the model of {run.name}, which has none"
        raise UserError(Problem(what, (str(old),), expected=f"wirechamber export {run.name}"))
    make_folder(folder, "--copy-to")
    files = [run.model, *(path for path in [run.onnx] if path.exists()), *(getattr(run, name) for name in CARDS)]
    for path in files:
        write_file(folder / path.name, partial(shutil.copyfile, path))
    return [folder / path.name for path in files]
