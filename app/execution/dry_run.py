"""`--dry-run`: build everything on a handful of events, say what a run would be, and write nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from app.checks.classical import nothing_to_train
from app.config import Job
from app.runtime.console import console
from app.training.estimate import ROWS, Estimate, measure, smaller

if TYPE_CHECKING:
    from app.training.build import Networks


def dry_run(job: Job) -> None:
    """Print the model, its parameters, a memory estimate and the steps of a run of `job`."""
    from app.runtime import device

    where = device.prepare(job.seed)
    from app.data.loading import load_data
    from app.training.build import build

    with tempfile.TemporaryDirectory() as folder:
        data = load_data(smaller(job), ROWS, Path(folder))
        built = build(job, data)
        found = measure(job, built, data)
    shown = built.network or built.deployed
    shown.summary(print_fn=lambda text: console.print(text, markup=False), line_length=100)
    console.print(f"{job.name} on {where}: {shown.count_params():,} parameters")
    console.print(f"data: about {found.rows:,} training events")
    if built.network is None:
        console.print(f"on {data.splits.train.rows:,} training events: {built.description}", markup=False)
        console.print(nothing_to_train(job), markup=False)
    else:
        _show_training(job, built, found)
    if job.ensemble:
        console.print(f"each of {len(job.ensemble.all_seeds(job.seed))} members of the ensemble is such a run")
    console.print("nothing was written")


def _show_training(job: Job, built: Networks, found: Estimate) -> None:
    from app.training.fit import plan

    steps = plan(job, found.rows, built.network.count_params())
    console.print(
        f"steps: {steps.steps_per_epoch:,} in each of {job.training.epochs} epochs, batch {job.training.batch_size}, "
        f"{steps.steps_per_execution} in one execution, XLA {'on' if steps.xla else 'off'}"
    )
    console.print(f"memory: about {found.host / 2**20:,.0f} MiB, as wirechamber estimate says in detail")
