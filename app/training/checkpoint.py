"""Checkpoints from which a training continues bitwise equal: variables, history and the state of all decisions."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import UserError, WirechamberError
from app.core.files import read_json, write_file
from app.core.parts import remove

Arrays = list[np.ndarray[Any, Any]]
KEPT = 2
"""Checkpoints that are kept: the newest ones."""


@dataclass
class Progress:
    """The state of a training apart from its tensors.

    Attributes:
        epoch: finished epochs.
        train: one entry of history per epoch.
        val: the same for the validation split.
        best_epoch: the epoch that is best by the monitored figure, from 1; 0 before the first.
        best_val_loss: its validation loss.
        best_judged: the monitored figure there, with a minus where high is good; None in checkpoints of before.
        stopping: lowest validation loss as early stopping counts it, and epochs since.
        schedule: state of the learning-rate schedule.
        seconds: training time, earlier parts included.
        stopped_early: whether early stopping ended the training.
    """

    epoch: int = 0
    train: list[dict[str, Any]] = field(default_factory=list)
    val: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_val_loss: float | None = None
    best_judged: float | None = None
    stopping: dict[str, float] = field(default_factory=dict)
    schedule: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    stopped_early: bool = False


def save(folder: Path, progress: Progress, variables: Sequence[Any], best: Arrays, keep_every: int | None) -> None:
    """Write the checkpoint of a finished epoch as one directory, renamed into place at once.

    Args:
        folder: the run's checkpoints.
        progress: the state after the epoch.
        variables: all variables of model and optimizer, in a fixed order.
        best: weights of the best epoch so far.
        keep_every: also keep every N-th epoch's checkpoint.

    Raises:
        NotWritten: the disk is full, or the folder cannot be written; the checkpoints of before stay.
        LeaseLost: another process has taken over the run.
    """

    def fill(part: Path) -> None:
        part.mkdir(parents=True)
        _write_arrays(part / "variables.npz", [np.asarray(variable) for variable in variables])
        _write_arrays(part / "best.npz", best)
        (part / "progress.json").write_text(json.dumps(asdict(progress)))

    write_file(path_of(folder, progress.epoch), fill)
    for epoch in epochs(folder)[:-KEPT]:
        if not keep_every or epoch % keep_every:
            remove(path_of(folder, epoch))


def path_of(folder: Path, epoch: int) -> Path:
    """Return where the checkpoint of an epoch lies."""
    return folder / f"epoch_{epoch:06d}"


def epochs(folder: Path) -> list[int]:
    """Return the epochs whose checkpoints are there, the newest last."""
    return sorted(int(path.name.removeprefix("epoch_")) for path in folder.glob("epoch_*"))


def find_latest(folder: Path) -> Path | None:
    """Return the newest checkpoint, or None."""
    kept = epochs(folder)
    return path_of(folder, kept[-1]) if kept else None


def variables(objective: Any) -> list[Any]:
    """Return everything that a checkpoint must hold; weight files would omit the state of dropout's seeds."""
    return [*objective.variables, *objective.optimizer.variables]


def restore(path: Path, variables: Sequence[Any]) -> tuple[Progress, Arrays]:
    """Put the checkpoint's values into `variables`; return the progress and the best weights.

    Raises:
        WirechamberError: the checkpoint is damaged, or belongs to another model.
    """
    try:
        progress = Progress(**read_json(path / "progress.json"))
        values, best = _read_arrays(path / "variables.npz"), _read_arrays(path / "best.npz")
    except (UserError, OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        hint = "remove it to resume from the one before"
        raise WirechamberError(f"{path}: the checkpoint is damaged ({error}); {hint}") from None
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise WirechamberError(f"{path}: the checkpoint belongs to another model; start again with --overwrite")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return progress, best


def _write_arrays(path: Path, arrays: Arrays) -> None:
    with path.open("wb") as file:
        np.savez(file, *arrays)


def _read_arrays(path: Path) -> Arrays:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        return [content[f"arr_{position}"] for position in range(len(content.files))]
