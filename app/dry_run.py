"""`--dry-run`: build everything on a handful of events, say what a run would be, and write nothing."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.classical import nothing_to_train
from app.config import Job
from app.console import console
from app.job_file import parse

if TYPE_CHECKING:
    from app.build import Built
    from app.data import Data

ROWS = 2000
BYTES = 4


def dry_run(job: Job) -> None:
    """Print the model, its parameters, a memory estimate and the steps of a run of `job`."""
    from app import device

    where = device.prepare(job.seed)
    from app.build import build
    from app.data import load_data

    with tempfile.TemporaryDirectory() as folder:
        data = load_data(_smaller(job), ROWS, Path(folder))
        built = build(job, data)
    rows = round(_events(job, data.source.rows) * job.dataset.options.split.train)
    shown = built.network or built.deployed
    shown.summary(print_fn=lambda text: console.print(text, markup=False), line_length=100)
    console.print(f"{job.name} on {where}: {shown.count_params():,} parameters")
    console.print(f"data: about {rows:,} training events")
    if built.network is None:
        console.print(f"on {data.splits.train.rows:,} training events: {built.description}", markup=False)
        console.print(nothing_to_train(job), markup=False)
    else:
        _show_training(job, built, data, rows)
    if job.ensemble:
        console.print(f"each of {len(job.ensemble.all_seeds(job.seed))} members of the ensemble is such a run")
    console.print("nothing was written")


def _show_training(job: Job, built: Built, data: Data, rows: int) -> None:
    from app.train import plan

    steps = plan(job, rows, built.network.count_params())
    console.print(
        f"steps: {steps.steps_per_epoch:,} in each of {job.training.epochs} epochs, batch {job.training.batch_size}, "
        f"{steps.steps_per_execution} in one execution, XLA {'on' if steps.xla else 'off'}"
    )
    console.print(f"memory: about {_bytes(job, built, data, rows) / 1e6:,.0f} MB besides TensorFlow itself")


def _bytes(job: Job, built: Built, data: Data, rows: int) -> float:
    """Weights with gradient and optimizer state, activations forward and back, and the events unless they stream."""
    weights = 4 * built.network.count_params()
    activations = 2 * job.training.batch_size * sum(_size(layer.output) for layer in built.network.layers)
    event = sum(array.nbytes for array in data.prepare(next(iter(data.splits.train))[:1])[0].values())
    held = 0 if job.dataset.options.streaming else rows * event * 2
    return float(BYTES * (weights + activations) + held)


def _size(tensors: Any) -> int:
    every = tensors.values() if isinstance(tensors, dict) else [tensors]
    return sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in every)


def _events(job: Job, found: int) -> int:
    simulation = job.dataset.options.simulate
    return int(simulation.parameters[_count(simulation.parameters)]) if simulation else found


def _count(simulation: Mapping[str, Any]) -> str:
    return next(key for key in ("tracks", "events") if key in simulation)


def _smaller(job: Job) -> Job:
    """Simulate a handful of events only; given files are read as far as needed."""
    content = job.dump()
    simulation = content["dataset"]["simulate"]
    if simulation is None:
        return job
    count = _count(simulation)
    content["dataset"]["simulate"] = {**simulation, count: min(simulation[count], ROWS)}
    return parse(content)
