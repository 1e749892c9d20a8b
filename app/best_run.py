"""Copying what a run is used for: its model, and the cards that say what it is."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.files import read_json, write_file
from app.run_directory import RunDirectory

CARDS = ("job", "metrics", "provenance", "normalization")


def copy_run(run: RunDirectory, folder: Path) -> list[Path]:
    """Copy model.keras, model.onnx where there is one, and the cards; return the copies.

    Every file is looked at before the first one is copied, and each is replaced at once.

    Raises:
        UserError: the run's directory is not on this machine, a file is missing or damaged, or the folder cannot be
            made.
    """
    cards = [getattr(run, name) for name in CARDS]
    for card in cards:
        read_json(card)
    if not run.model.exists():
        raise UserError(Problem("the run has no model", (str(run.model),), None, "a run directory of this machine"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(f"cannot be made ({error.strerror})", (str(folder),), None, "a folder")) from None
    files = [run.model, *(path for path in [run.onnx] if path.exists()), *cards]
    for path in files:
        write_file(folder / path.name, partial(shutil.copyfile, path))
    return [folder / path.name for path in files]
