"""The network of another epoch than the best one, from a checkpoint that its training has kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.config import Job
from app.core.errors import Problem, UserError
from app.runs.directory import RunDirectory
from app.training import checkpoint

if TYPE_CHECKING:
    from app.data.loading import Data


def find_epoch(run: RunDirectory, epoch: int) -> Path:
    """Return the checkpoint of an epoch; raises UserError naming the epochs that are kept and the nearest of them."""
    kept = checkpoint.epochs(run.checkpoints)
    if epoch in kept:
        return checkpoint.path_of(run.checkpoints, epoch)
    where = (run.name, "--epoch")
    if not kept:
        expected = "a single training; its job keeps each N-th epoch with 'training': {'keep_every': N}"
        raise UserError(Problem("the run has no checkpoints", where, expected=expected, received=epoch))
    near = str(min(kept, key=lambda other: abs(other - epoch)))
    expected = f"one of the epochs kept [{', '.join(map(str, kept))}]"
    raise UserError(
        Problem("no checkpoint of this epoch is kept", where, nearest=near, expected=expected, received=epoch)
    )


def model_of(run: RunDirectory, job: Job, data: Data, epoch: int | None = None) -> Any:
    """Return the deployed model of a run, with the weights that were validated after an epoch: their average with ema.

    Args:
        run: its directory.
        job: its job.
        data: of the job.
        epoch: a finished one; None: the best.

    Raises:
        UserError: no checkpoint of the epoch is kept.
        WirechamberError: it is damaged, or belongs to another model.
    """
    from app.evaluation import load

    path = None if epoch is None else find_epoch(run, epoch)
    if path is None:
        return load(str(run.path)).model
    from app.training.build import build
    from app.training.fit import compile_objective, plan
    from app.training.start import freeze

    networks = build(job, data)
    objective = networks.objective
    if job.training.freeze:
        freeze(networks.network, job.training.freeze)
    steps = plan(job, data.splits.train.rows, networks.network.count_params())
    compile_objective(job, data, networks, steps)
    checkpoint.restore(path, checkpoint.variables(objective))
    if job.training.ema is not None:
        objective.optimizer.finalize_variable_values(objective.trainable_variables)
    model = load(str(run.path)).model
    model.set_weights(networks.deployed.get_weights())  # the constants of its layers are those of the training
    return model
