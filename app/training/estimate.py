"""What a job needs: parameters, activations, data, and the memory to ask for. Nothing is trained."""

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
from app.core.libraries import keras
from app.runtime import device

ROWS = 2000
"""Events that the networks are built on: the constants of a normalisation, and how large an event is."""
FLOAT = 4
COPIES = 4
"""Copies of the weights: themselves, their gradient and the two moments of Adam."""
PASSES = 2
"""Passes whose tensors are counted, forward and back: a layer's output is kept until its gradient is known."""
HELD = 4
"""Copies of the events: as read, as split, and what their simulation or their predictions take."""
PROCESS = 860 * 2**20
"""Bytes of a process that has loaded TensorFlow and built a graph (benchmarks/estimate.py)."""
GPU_CONTEXT = 2**30
"""Bytes of a GPU that CUDA and the workspaces of its libraries take; not measured here, there was no GPU."""
GPU_HOST = 2 * 2**30
"""Bytes that a process on a GPU needs on its machine in addition to `PROCESS`, for CUDA; not measured here."""
MARGIN = 1.25
"""Factor between the estimate and what a pool is asked for."""
GPUS = (8, 24, 80)
"""Memory of usual GPUs [GB]."""
STEP = 100
"""MiB to whose multiples requests are rounded up."""


@dataclass(frozen=True)
class Estimate:
    """The needs of a job, in bytes but for the numbers of rows and parameters.

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
    from app.data.loading import load_data
    from app.training.build import build

    device.prepare(job.seed)
    with tempfile.TemporaryDirectory() as folder:
        data = load_data(reduce_simulation(job), ROWS, Path(folder))
        return estimate_built(job, build(job, data), data)


def memory_requests(jobs: Sequence[Job]) -> dict[str, int]:
    """Return the MiB to ask for by job; jobs that differ in nothing that takes memory are built once.

    Raises:
        UserError: the networks of a job cannot be built on its data.
    """
    requests: dict[str, int] = {}
    known: dict[str, int] = {}
    for job in jobs:
        content = job.dump()
        training = {name: content["training"][name] for name in ("batch_size", "mixed_precision", "ema")}
        names = ("dataset", "model", "tasks", "constraints", "collocation", "unlabelled")
        key = json.dumps([{name: content[name] for name in names}, training, job.resources.request_gpus > 0])
        if key not in known:
            try:
                known[key] = estimate(job).request_memory
            except UserError as error:
                raise error.under(job.name) from None
        requests[job.name] = known[key]
    return requests


def estimate_built(job: Job, built: Any, data: Any) -> Estimate:
    """Return the estimate of a job whose networks were built."""
    network = built.network or built.deployed
    events = next(iter(data.splits.train))
    x, y = built.prepare(events[:1])[:2]
    rows = total_rows(job, data.source.rows)
    each = sum(array.nbytes for array in (*events.inputs.values(), *events.columns.values(), events.key)) / len(events)
    parameters, numbers = network.count_params(), 0
    copies = COPIES + (job.training.ema is not None)
    for layer in network.layers:
        tensors = keras.tree.flatten(layer.output)
        numbers += sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)
    return Estimate(
        rows=training_rows(job, data),
        parameters=parameters,
        weights=float(FLOAT * (copies if built.network is not None else 1) * parameters),
        activations=float(PASSES * FLOAT * numbers),
        event=float(sum(array.nbytes for array in (*x.values(), *y.values()))),
        held=0.0 if job.dataset.options.streaming else HELD * rows * each,
        batch_size=job.training.batch_size,
        on_gpu=job.resources.request_gpus > 0,
    )


def training_rows(job: Job, data: Any) -> int:
    """Return the training events of a run: counted where these data are all of it, else by their share."""
    rows, found = total_rows(job, data.source.rows), int(data.splits.train.rows)
    is_whole = rows == data.source.rows and found < ROWS
    return found if is_whole else round(rows * job.dataset.options.split.train)


def total_rows(job: Job, rows: int) -> int:
    """Return how many events a run of the job has, `rows` of which are in its files."""
    simulation = job.dataset.options.simulate
    return int(simulation.parameters[count_key(simulation.parameters)]) if simulation else rows


def count_key(simulation: Mapping[str, Any]) -> str:
    """Return the key of a simulation that gives the number of its events."""
    return next(key for key in ("tracks", "events") if key in simulation)


def reduce_simulation(job: Job) -> Job:
    """Return the job with a simulation of a few events only; given files are read as far as needed anyway."""
    simulation = job.dataset.options.simulate
    if simulation is None:
        return job
    key = count_key(simulation.parameters)
    return changed(job, {f"dataset.simulate.{key}": min(simulation.parameters[key], ROWS)})
