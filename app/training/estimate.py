"""What a job needs: parameters, activations, data, and the memory to ask for. Nothing is trained."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import Job
from app.config.derived_jobs import changed
from app.core.errors import UserError

ROWS = 2000
"""Events that the networks are built on: the constants of a normalisation, and how large an event is."""
FLOAT = 4
COPIES = 4
"""Of the weights: themselves, their gradient and the two moments of Adam."""
PASSES = 2
"""Forward and back: the output of every layer is kept until its gradient is known."""
HELD = 4
"""Of the events: as they are read, as they are split, and what their simulation or their predictions take."""
PROCESS = 860 * 2**20
"""Bytes of a process that has loaded TensorFlow and built a graph (benchmarks/estimate.py)."""
GPU_CONTEXT = 2**30
"""Bytes of a GPU that CUDA and the workspaces of its libraries take; not measured here, there was no GPU."""
GPU_HOST = 2 * 2**30
"""Bytes that a process on a GPU needs on its machine besides `PROCESS`, for CUDA's libraries; not measured here."""
MARGIN = 1.25
"""Above the estimate: what is asked for from a pool."""
GPUS = (8, 24, 80)
"""Memory of usual GPUs [GB]."""
STEP = 100
"""Requests are rounded up to so many MiB."""


@dataclass(frozen=True)
class Estimate:
    """Bytes, but for the numbers of rows and parameters.

    Attributes:
        rows: training events.
        parameters: of the network.
        weights: the parameters with gradient and optimizer.
        activations: of one event, forward and back.
        event: of one event as the network sees it, dense.
        held: of all events that stay in memory.
        batch_size: of the job.
        on_gpu: whether the job asks for one.
    """

    rows: int
    parameters: int
    weights: float
    activations: float
    event: float
    held: float
    batch_size: int
    on_gpu: bool = False

    @property
    def batch(self) -> float:
        """Bytes of a batch in training: what lies in the network, and the batches that wait."""
        return self.batch_size * (self.activations + 4 * self.event)

    @property
    def host(self) -> float:
        """Bytes that the process needs on its machine."""
        network = GPU_HOST if self.on_gpu else self.weights + self.batch_size * self.activations
        return PROCESS + network + 4 * self.batch_size * self.event + self.held

    @property
    def gpu(self) -> float:
        """Bytes that it needs on a GPU."""
        return GPU_CONTEXT + self.weights + self.batch_size * (self.activations + self.event)

    @property
    def request_memory(self) -> int:
        """MiB to ask a pool for."""
        return STEP * math.ceil(MARGIN * self.host / 2**20 / STEP)

    def largest_batch(self, gigabytes: float) -> int:
        """Return the largest power of two that fits a GPU of so many GB; 0: not even one event."""
        room = (gigabytes * 1e9 / MARGIN - GPU_CONTEXT - self.weights) / (self.activations + self.event)
        return 2 ** int(math.log2(room)) if room >= 1 else 0


def estimate(job: Job) -> Estimate:
    """Build a job's networks on a few events and say what a run of it needs."""
    from app.runtime import device

    device.prepare(job.seed)
    from app.data.loading import load_data
    from app.training.build import build

    with tempfile.TemporaryDirectory() as folder:
        data = load_data(smaller(job), ROWS, Path(folder))
        built = build(job, data)
        return measure(job, built, data)


def advise(jobs: Sequence[Job]) -> dict[str, int]:
    """Return the MiB to ask for by job; jobs that differ in nothing that takes memory are built once.

    Raises:
        UserError: the networks of a job cannot be built on its data.
    """
    known: dict[str, int] = {}
    return {job.name: _advised(job, known) for job in jobs}


def _advised(job: Job, known: dict[str, int]) -> int:
    content = job.dump()
    training = {name: content["training"][name] for name in ("batch_size", "mixed_precision")}
    parts = {name: content[name] for name in ("dataset", "model", "tasks", "constraints", "collocation", "unlabelled")}
    key = json.dumps([parts, training, job.resources.request_gpus > 0])
    if key not in known:
        try:
            known[key] = estimate(job).request_memory
        except UserError as error:
            raise error.under(job.name) from None
    return known[key]


def measure(job: Job, built: Any, data: Any) -> Estimate:
    """Return the estimate of a job whose networks were built."""
    network = built.network or built.deployed
    some = next(iter(data.splits.train))
    x, y = built.prepare(some[:1])[:2]
    total = total_rows(job, data.source.rows)
    stored = [*some.inputs.values(), *some.columns.values(), some.key]
    each = sum(array.nbytes for array in stored) / len(some)
    parameters = network.count_params()
    trained = built.network is not None
    return Estimate(
        rows=round(total * job.dataset.options.split.train),
        parameters=parameters,
        weights=float(FLOAT * (COPIES if trained else 1) * parameters),
        activations=float(PASSES * FLOAT * sum(_size(layer.output) for layer in network.layers)),
        event=float(sum(array.nbytes for array in (*x.values(), *y.values()))),
        held=0.0 if job.dataset.options.streaming else HELD * total * each,
        batch_size=job.training.batch_size,
        on_gpu=job.resources.request_gpus > 0,
    )


def _size(tensors: Any) -> int:
    every = tensors.values() if isinstance(tensors, dict) else tensors if isinstance(tensors, list) else [tensors]
    return sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in every)


def total_rows(job: Job, found: int) -> int:
    """Return how many events a run of the job has; `found` are in its files."""
    simulation = job.dataset.options.simulate
    return int(simulation.parameters[_count(simulation.parameters)]) if simulation else found


def _count(simulation: Mapping[str, Any]) -> str:
    return next(key for key in ("tracks", "events") if key in simulation)


def smaller(job: Job) -> Job:
    """Simulate a handful of events only; given files are read as far as needed."""
    simulation = job.dataset.options.simulate
    if simulation is None:
        return job
    count = _count(simulation.parameters)
    return changed(job, {f"dataset.simulate.{count}": min(simulation.parameters[count], ROWS)})
