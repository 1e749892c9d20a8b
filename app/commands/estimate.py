"""`wirechamber estimate`: what the jobs of a file need, before they are run."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.checks.jobs import load_checked_jobs
from app.commands._parser import add_overrides
from app.config import Job
from app.runtime.console import console, table
from app.training.estimate import GPUS, Estimate, estimate

MIB = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("config", type=Path, metavar="FILE", help="a job or sweep file")
    add_overrides(parser)


def execute(options: argparse.Namespace) -> int:
    """Build each job's networks on a few events and print what a run would need."""
    for job in load_checked_jobs(options.config, options.overrides):
        _show(job, estimate(job))
    return 0


def _show(job: Job, found: Estimate) -> None:
    held = f"{found.held / MIB:,.0f} MiB" if found.held else "streamed"
    rows = [
        ("parameters", f"{found.parameters:,}"),
        ("training events", f"{found.rows:,}"),
        ("data in memory", held),
        (f"activations of a batch of {found.batch_size}", f"{found.batch_size * found.activations / MIB:,.1f} MiB"),
        ("weights with gradients and optimizer", f"{found.weights / MIB:,.1f} MiB"),
        ("memory of the process", f"{found.host / MIB:,.0f} MiB"),
        ("request_memory to ask for", f"{found.request_memory} MB"),
        ("memory on a GPU", f"{found.gpu / MIB:,.0f} MiB"),
        *((f"largest batch on a GPU of {size} GB", f"{found.largest_batch(size):,}") for size in GPUS),
    ]
    table(job.name, ("", "about"), rows)
    asked = job.resources.request_memory
    if asked is not None:
        console.print(f"the job asks for {asked} itself")
