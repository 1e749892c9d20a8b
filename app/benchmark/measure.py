"""How fast a finished run predicts: in Keras and ONNX Runtime by batch size, beside Runge-Kutta where that applies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from app.benchmark import engines, runge_kutta
from app.benchmark.runge_kutta import Rows
from app.benchmark.timing import matmul_peak, timed
from app.config import Job
from app.core.errors import Problem, UserError
from app.core.libraries import tf
from app.core.system import cores
from app.data.loading import Data
from app.data.tables import first_events
from app.evaluation.predict import predict
from app.evaluation.predictor import Predictor
from app.export.graph import to_onnx
from app.export.onnx_file import in_float32
from app.runs.record import fingerprint
from app.runtime.device import describe
from datasets.pipeline.arrays import dense
from datasets.pipeline.events import Events

logger = logging.getLogger(__name__)

Inputs = Mapping[str, Any]


def benchmark(
    job: Job,
    data: Data,
    deployed: Any,
    sizes: Sequence[int],
    warmup: int,
    iterations: int,
    tracks: int,
    known: dict[str, Rows],
) -> dict[str, Any]:
    """Return the content of benchmark.json.

    `batch_sizes` has for each size `inference_time_cpu` [s] and `throughput_cpu` [events/s] of the fastest engine,
    `_gpu` where there is one, and all figures of each engine under `engines`. Inputs are events of the test split,
    repeated where it has fewer; copying to and from the device counts.

    Args:
        job: of the run.
        data: of the job.
        deployed: the model.
        sizes: of the batches; those that do not fit into memory are left out.
        warmup: calls that are not measured.
        iterations: calls that are measured.
        tracks: in one call of Runge-Kutta.
        known: its rows by data set, to which those of other data are added: runs on the same data share them.
    """
    model = in_float32(deployed)
    most = Predictor(model).rows_at_once
    if min(sizes) > most:
        raise UserError(
            Problem("no batch fits into memory", ("--batch-sizes",), expected=f"{most} at most", received=list(sizes))
        )
    events = first_events(data.splits.test, max(*sizes, 1000))
    operations = engines.flops(model, _batch(model, events, 1))
    peak = {"cpu": matmul_peak(engines.CPU)}
    peak |= {"gpu": matmul_peak(engines.GPU)} if tf.config.list_physical_devices("GPU") else {}
    ways = engines.engines(model, _onnx(model, job.name))
    for size in (size for size in sizes if size > most):
        logger.warning("batches of %d are left out: %d at most fit into memory", size, most)
    found = {
        "device": describe(tf.config.list_physical_devices("GPU")),
        "cores": cores(),
        "parameters": int(model.count_params()),
        "flops_per_event": operations,
        "matmul_peak_flops": peak,
        "batch_sizes": {
            str(size): _sized(ways, _batch(model, events, size), size, (warmup, iterations), operations, peak)
            for size in sizes
            if size <= most
        },
    }
    reference = partial(runge_kutta.reference, tracks=tracks, warmup=warmup, iterations=iterations)
    return found | _beside_runge_kutta(job, data, model, found, tracks, reference, known)


def _onnx(model: Any, name: str) -> bytes | None:
    try:
        return bytes(to_onnx(model, name).SerializeToString())
    except UserError as error:
        logger.warning("ONNX Runtime is left out: %s", error)
        return None


def _batch(model: Any, events: Events, rows: int) -> dict[str, Any]:
    """Return the inputs of so many events, dense; hits are padded to the longest of these events."""
    places = np.resize(np.arange(len(events)), rows)
    return {name: np.asarray(dense(events.inputs[name][places]), np.float32) for name in model.input}


def _sized(
    ways: Mapping[str, Mapping[str, engines.Engine]],
    inputs: Inputs,
    size: int,
    calls: tuple[int, int],
    operations: int,
    peak: Mapping[str, float],
) -> dict[str, Any]:
    found: dict[str, Any] = {"engines": {}}
    for device, known in ways.items():
        measured = {name: timed(partial(engine, inputs), *calls).of(size) for name, engine in known.items()}
        for figures in measured.values():
            figures["share_of_matmul_peak"] = figures["throughput"] * operations / peak[device]
        fastest = min(measured.values(), key=lambda figures: float(figures["median"]))
        found |= {f"inference_time_{device}": fastest["median"], f"throughput_{device}": fastest["throughput"]}
        found["engines"][device] = measured
    return found


def _beside_runge_kutta(
    job: Job,
    data: Data,
    model: Any,
    found: Mapping[str, Any],
    tracks: int,
    reference: Callable[..., Rows],
    known: dict[str, Rows],
) -> dict[str, Any]:
    """Return the rows of Runge-Kutta, the model's error on the same tracks, and which wins; {} where none applies."""
    columns = [column for names in data.columns.values() for column in names]
    targets = [target for task in job.tasks.values() for target in task.targets]
    magnet = data.source.magnet
    if magnet is None or not runge_kutta.applies(magnet, columns, targets) or not found["batch_sizes"]:
        return {}
    events = first_events(data.splits.test, tracks)
    table = {n: events.inputs[name][:, i] for name, names in data.columns.items() for i, n in enumerate(names)}
    rows = known.setdefault(fingerprint(job, data.source.fingerprint), [])
    if not rows:
        rows += reference(magnet, table, events.columns)
    said = predict(Predictor(model), events, job)
    errors = runge_kutta.position_errors(*(said.predicted[name] - said.true[name] for name in ("x", "y")))
    best = max(float(figures["throughput_cpu"]) for figures in found["batch_sizes"].values())
    verdict = runge_kutta.describe(errors["pos_mean_mm"], best, rows)
    return {**errors, "runge_kutta": rows, "verdict": verdict}
