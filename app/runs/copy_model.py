"""Copying what a run is used for: its model, and the cards that say what it is."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from app.core.destination import check_folder, make_folder
from app.core.errors import Problem, UserError
from app.core.files import write_file
from app.runs.directory import RunDirectory
from app.runs.finished import refuse_unfinished

CARDS = ("job", "metrics", "provenance", "normalization")


def copy_run(run: RunDirectory, folder: Path) -> list[Path]:
    """Copy model.keras, model.onnx where there is one, and the cards; return the copies.

    Every file is looked at before the first one is copied, and each is replaced at once.

    Raises:
        UserError: as `app.runs.finished.refuse_unfinished`, the folder cannot be made or written to, or it holds the
            model.onnx of another run and this run has none to replace it.
    """
    refuse_unfinished(run, "model", *CARDS)
    check_folder(folder, "--copy-to")
    old = folder / run.onnx.name
    if old.exists() and not run.onnx.exists():
        what = f"would stay beside the model of {run.name}, which has none"
        raise UserError(Problem(what, (str(old),), expected=f"wirechamber export {run.name}"))
    make_folder(folder, "--copy-to")
    files = [run.model, *(path for path in [run.onnx] if path.exists()), *(getattr(run, name) for name in CARDS)]
    for path in files:
        write_file(folder / path.name, partial(shutil.copyfile, path))
    return [folder / path.name for path in files]
