"""`wirechamber estimate`: what the jobs of a file need, before they are run."""

import argparse

from app.checks.jobs import load_checked_jobs
from app.commands._parser import add_overrides, read_path
from app.config import Job
from app.runtime.console import console, table
from app.training.estimate import GPUS, Estimate, estimate

MIB = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("config", type=read_path, metavar="FILE", help="a job or sweep file")
    add_overrides(parser)


def execute(options: argparse.Namespace) -> int:
    """Build each job's networks on a few events and print what a run would need."""
    for job in load_checked_jobs(options.config, options.overrides):
        show_estimate(job, estimate(job))
    return 0


def show_estimate(job: Job, estimate: Estimate) -> None:
    """Print the size of a job's networks and data, the memory that it needs, and the batches that fit a GPU."""
    held = f"{estimate.held / MIB:,.0f} MiB" if estimate.held else "streamed"
    activations = f"{estimate.batch_size * estimate.activations / MIB:,.1f} MiB"
    rows = [
        ("parameters", f"{estimate.parameters:,}"),
        ("training events", f"{estimate.rows:,}"),
        ("data in memory", held),
        (f"activations of a batch of {estimate.batch_size}", activations),
        ("weights with gradients and optimizer", f"{estimate.weights / MIB:,.1f} MiB"),
        ("memory of the process", f"{estimate.host / MIB:,.0f} MiB"),
        ("request_memory to ask for", f"{estimate.request_memory} MB"),
        ("memory on a GPU", f"{estimate.gpu / MIB:,.0f} MiB"),
        *((f"largest batch on a GPU of {size} GB", f"{estimate.largest_batch(size):,}") for size in GPUS),
    ]
    table(job.name, ("", "about"), rows)
    asked = job.resources.request_memory
    if asked is not None:
        console.print(f"the job itself asks for {asked}")
