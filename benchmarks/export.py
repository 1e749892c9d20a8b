"""How long does the export of every shipped model take, how well does it agree, and how fast is it?

One row for each network of the shipped job files: jobs that differ in data, losses or training alone share it, and are
counted. Weights are as they begin (biases moved away from 0): the graph, its agreement and its cost do not depend on
the training. Jobs on files take part where WIRECHAMBER_EXTERNAL_DATA is set; the others have simulated events.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
from _results import parse_options, report

from app.benchmark import engines
from app.config import Job
from app.config.derived_jobs import members
from app.config.job_file import is_workflow, load, read
from app.core.files import REPOSITORY
from app.data.loading import Data, first_events, load_data
from app.export import parity
from app.export.graph import output_names, to_onnx
from app.export.onnx_file import ROWS
from app.layers.ensemble_mean import combine_members
from app.runtime import device
from app.training.build import build
from datasets.pipeline.arrays import dense

EVENTS, SPLIT = 1250, 'dataset.split={"train": 0.1, "validation": 0.85, "test": 0.05}'
FEW = {
    "track_states": (f"tracks={EVENTS}", "accuracy=1.0"),
    "plane_images": (f"events={EVENTS}", f"shard_size={EVENTS}"),
    "volume_images": (f"events={EVENTS}", f"shard_size={EVENTS}"),
    "photon_sensors": (f"events={EVENTS}", f"shard_size={EVENTS}", "light_sources=2"),
    "muon_hits": (f"events={EVENTS}", f"shard_size={EVENTS}"),
}
OF_THE_DATA = ("name", "planes", "sum_ticks", "features", "inputs", "assignment", "angles", "z_start")
"""What of a data set says which inputs a network has."""
BATCHES = (1, 256, 4096)
MOST_BYTES = 4e9
"""Of one batch of inputs; larger ones are not measured."""
SECONDS, MOST = 0.3, 200
"""Calls are repeated for so long, but not more often."""
UNSHIPPED = (
    ("track_extrapolation/rk4_steps.json", "model=thin_lens"),
    ("track_extrapolation/rk4_steps.json", "model=straight_line"),
    ("electron_direction/three_planes.json", "model=residual_cnn"),
)
"""Kinds of models that are in no shipped job."""


def list_shipped_jobs() -> list[Path]:
    """Return the shipped files of jobs and sweeps whose data can be had here."""
    found = (path for path in sorted((REPOSITORY / "json").rglob("*/*.json")) if not is_workflow(read(path)))
    known = "WIRECHAMBER_EXTERNAL_DATA" in os.environ
    return [path for path in found if known or "WIRECHAMBER_EXTERNAL_DATA" not in path.read_text()]


def read_jobs(path: Path, *changes: str) -> list[Job]:
    """Return the jobs of a file with as many simulated events as the comparison needs."""
    first = load(path)[0]
    if first.dataset.options.simulate is None:
        return load(path, changes)
    few = [f"dataset.simulate.{text}" for text in FEW[first.dataset.name]]
    return load(path, [*few, SPLIT, *changes])


def describe_network(job: Job) -> str:
    """Return what of a job decides its graph, as text."""
    content = job.dump()
    data = {name: content["dataset"].get(name) for name in OF_THE_DATA}
    field = (content["dataset"].get("simulate") or {}).get("field")
    tasks = {
        name: [task["targets"], task["transform"], task["head"], job.tasks[name].loss.component.facts.head]
        for name, task in content["tasks"].items()
        if name in job.tasks
    }
    count = len(members(job))
    return json.dumps([data, field, content["model"], tasks, count], sort_keys=True)


def list_networks() -> Iterator[tuple[Job, int]]:
    """Yield one job of each network, and of how many jobs it is."""
    found: dict[str, list[Job]] = {}
    for path in list_shipped_jobs():
        for job in read_jobs(path):
            found.setdefault(describe_network(job), []).append(job)
    yield from ((jobs[0], len(jobs)) for jobs in found.values())
    yield from ((read_jobs(REPOSITORY / "json" / file, change)[0], 0) for file, change in UNSHIPPED)


def build_deployed(job: Job, data: Data) -> Any:
    """Return the job's model, of an ensemble the mean of its members, with weights that are nowhere zero."""
    every = [build(one, data).deployed for one in members(job) or [job]]
    random = np.random.default_rng(1)
    for model in every:
        for weight in model.trainable_weights:
            weight.assign(weight + 0.02 * random.normal(size=weight.shape))
    names = {f"member_{i}": model for i, model in enumerate(every)}
    return combine_members(names, dict.fromkeys(job.tasks, "unit_vector")) if len(every) > 1 else every[0]


def make_batch(inputs: Mapping[str, Any], size: int) -> dict[str, Any] | None:
    """Return `size` events, the same ones again where there are fewer; None where they would be too large."""
    if sum(size * values[0].nbytes for values in inputs.values()) > MOST_BYTES:
        return None
    return {name: np.take(values, np.arange(size) % len(values), axis=0) for name, values in inputs.items()}


def measure_seconds(call: Callable[[], object]) -> float:
    """Return the median of the processor's seconds that a call takes, after one for compilation and caches.

    Those of all threads of this process: what a neighbour on a shared machine takes does not count.
    """
    call()
    found: list[float] = []
    while sum(found) < SECONDS and len(found) < MOST:
        begun = time.process_time()
        call()
        found.append(time.process_time() - begun)
    return median(found)


def measure_throughputs(model: Any, content: bytes, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return events per second of processor time, by engine and batch size."""
    ways = engines.engines(model, content)["cpu"]
    found: dict[str, Any] = {}
    for label, way in (("ONNX", "onnx_1_thread"), ("Keras XLA", "keras_xla")):
        for size in BATCHES:
            given = make_batch(inputs, size)
            found[f"{label}, {size}"] = "" if given is None else size / measure_seconds(partial(ways[way], given))
    return found


def measure_row(job: Job, count: int) -> dict[str, Any]:
    """Build, export, compare and time one job's model."""
    data = load_data(job)
    model = build_deployed(job, data)
    begun = time.perf_counter()
    content = to_onnx(model, job.name).SerializeToString()
    exported = time.perf_counter() - begun
    events = first_events(data.splits.validation, ROWS).inputs
    found = parity.compare(model, content, events, output_names(model))
    worst = max(found, key=lambda name: found[name]["max_rel"] or 0.0)
    some = {name: np.asarray(dense(events[name][:256]), np.float32) for name in model.input}
    return {
        "job": job.name if count else f"({job.model.name})",
        "jobs": count,
        "parameters": f"{model.count_params():,}",
        "export [s]": exported,
        "file [MB]": len(content) / 1e6,
        "rows": len(next(iter(events.values()))),
        "largest difference": found[worst]["max_rel"],
        "of": worst,
        **measure_throughputs(model, content, some),
    }


def main() -> None:
    """Measure one network after the other."""
    chosen = parse_options(__doc__)
    device.prepare(0)
    every = sorted(list_networks(), key=lambda one: one[0].application, reverse=True)
    rows = []
    for job, count in every[:2] if chosen.quick else every:
        rows.append(measure_row(job, count))
        print(json.dumps(rows[-1]), flush=True)
    notes = (
        "Each row is one network of the shipped job files, `jobs` says of how many jobs; kinds of models that no "
        "shipped job has stand in brackets at the end. Not trained: nothing here depends on it. `rows` are the "
        "validation events compared; the difference is a share of the output's largest value. The other columns are "
        "events per second of processor time by batch size, ONNX Runtime with one thread: that of one free core. "
        f"Left out where a batch of inputs is more than {MOST_BYTES / 1e9:.0f} GB.",
    )
    report("Export to ONNX: every shipped model", rows, chosen, notes)


if __name__ == "__main__":
    main()
