"""`--dry-run`: build everything on a few events, describe the run, and write nothing."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.checks.jobs import nothing_to_train
from app.config import Job
from app.execution.origin import Origin
from app.runtime.console import console, table
from app.training.estimate import ROWS, estimate_built, reduce_simulation
from app.training.start import check_start, set_start


def dry_run(job: Job, origin: Origin | None = None, limit: int | None = None) -> None:
    """Print the model, its parameters, a memory estimate and the steps of a run of `job`, and what differs from then.

    Args:
        job: the job.
        origin: the run whose job it is; simulated data, of which few events are made here, are not compared.
        limit: events of each split that the run would read at most.
    """
    from app.runtime import device

    check_start(job)
    machine = device.prepare(job.seed)
    from app.data.loading import load_data
    from app.training.build import build
    from app.training.fit import plan

    with tempfile.TemporaryDirectory() as folder:
        data = load_data(reduce_simulation(job), ROWS, Path(folder))
        networks = build(job, data)
        estimate = estimate_built(job, networks, data)
    known = None if job.dataset.options.simulate else replace(data, limit=limit).fingerprint
    for line in origin.describe(known) if origin else ():
        console.print(line)
    if networks.network is not None:
        set_start(networks.network, job.training)
    model = networks.network or networks.deployed
    rows = [
        (layer.name, type(layer).__name__, describe_shape(layer), f"{layer.count_params():,}") for layer in model.layers
    ]
    table(f"model {model.name}", ("layer", "type", "output", "parameters"), rows, numbers_from=3)
    console.print(f"{job.name} on {machine}: {model.count_params():,} parameters")
    about = "" if estimate.rows == data.splits.train.rows else "about "
    console.print(f"data: {about}{estimate.rows:,} training events")
    if networks.network is None:
        console.print(f"on {data.splits.train.rows:,} training events: {networks.description}")
        console.print(nothing_to_train(job))
    else:
        steps = plan(job, estimate.rows, model.count_params())
        console.print(
            f"steps: {steps.steps_per_epoch:,} in each of {job.training.epochs} epochs, "
            f"batch {job.training.batch_size}, {steps.steps_per_execution} in one execution, "
            f"XLA {'on' if steps.xla else 'off'}"
        )
        console.print(f"memory: about {estimate.host / 2**20:,.0f} MiB; details: wirechamber estimate")
    if job.ensemble:
        console.print(f"each of {len(job.ensemble.all_seeds(job.seed))} members of the ensemble is such a run")
    console.print("nothing was written")


def describe_shape(layer: Any) -> str:
    """Return the shape of a layer's output for one event, '64' or '4 x 16'; of several outputs each by its name."""
    output = layer.output
    if isinstance(output, dict):
        return ", ".join(f"{name} {_axes(value)}" for name, value in output.items())
    return ", ".join(map(_axes, output if isinstance(output, list | tuple) else [output]))


def _axes(tensor: Any) -> str:
    return " x ".join("N" if size is None else str(size) for size in tensor.shape[1:]) or "1"
