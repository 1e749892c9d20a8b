"""How fast a finished run predicts: in Keras and ONNX Runtime by batch size, compared with Runge-Kutta."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from app.benchmark import engines, runge_kutta
from app.benchmark.cpp_engine import cpp_engine
from app.benchmark.runge_kutta import Rows
from app.benchmark.user_columns import UserColumn, measure_columns
from app.config import Job
from app.core.errors import Problem, UserError
from app.core.libraries import tf
from app.core.system import cores
from app.data.loading import Data, first_events
from app.evaluation.predict import Predictor, predict
from app.export.graph import to_onnx
from app.export.onnx_file import to_float32
from app.runs.record import fingerprint
from app.runtime.device import describe
from datasets.pipeline.arrays import dense
from datasets.pipeline.events import Events

logger = logging.getLogger(__name__)


def benchmark(
    job: Job,
    data: Data,
    deployed: Any,
    sizes: Sequence[int],
    warmup: int,
    iterations: int,
    tracks: int,
    known: dict[str, Rows],
    columns: Sequence[UserColumn] = (),
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
        known: rows of Runge-Kutta by data set, which runs on the same data share; those of new data are added.
        columns: other extrapolators' answers for the test tracks.

    Raises:
        UserError: no batch fits into memory, or a column lacks test tracks.
    """
    model = to_float32(deployed)
    most = Predictor(model).rows_at_once
    fitting = [size for size in sizes if size <= most]
    if not fitting:
        what, expected = "no batch fits into memory", f"{most} at most"
        raise UserError(Problem(what, ("--batch-sizes",), expected=expected, received=list(sizes)))
    for size in (size for size in sizes if size > most):
        logger.warning("batches of %d are left out: %d at most fit into memory", size, most)
    try:
        content: bytes | None = bytes(to_onnx(model, job.name).SerializeToString())
    except UserError as error:
        logger.warning("ONNX Runtime is left out: %s", error)
        content = None
    gpus = tf.config.list_physical_devices("GPU")
    events = first_events(data.splits.test, max(*sizes, 1000))
    flops = engines.count_flops(model, repeat_inputs(model, events, 1))
    peak = {"cpu": engines.matmul_peak(engines.CPU)} | ({"gpu": engines.matmul_peak(engines.GPU)} if gpus else {})
    ways = engines.engines(model, content)
    header = cpp_engine(model, job.name, data.columns, {name: task.targets for name, task in job.tasks.items()})
    ways["cpu"] |= {"cpp_header": header} if header else {}
    batch_sizes = {
        str(size): measure_batch(ways, repeat_inputs(model, events, size), size, (warmup, iterations), flops, peak)
        for size in fitting
    }
    throughput = max(float(figures["throughput_cpu"]) for figures in batch_sizes.values())
    return {
        "device": describe(gpus),
        "cores": cores(),
        "parameters": int(model.count_params()),
        "flops_per_event": flops,
        "matmul_peak_flops": peak,
        "batch_sizes": batch_sizes,
        **compare_with_runge_kutta(job, data, model, throughput, (tracks, warmup, iterations), known),
        **compare_with_columns(data, columns),
    }


def compare_with_columns(data: Data, columns: Sequence[UserColumn]) -> dict[str, Any]:
    """Return the rows of other extrapolators on the whole test split; {} without any."""
    if not columns:
        return {}
    tests = list(data.splits.test)
    key = np.concatenate([events.key for events in tests])
    end = {name: np.concatenate([events.columns[name] for events in tests]) for name in ("x", "y")}
    return {"columns": measure_columns(columns, key, end)}


def measure_batch(
    ways: Mapping[str, Mapping[str, engines.Engine]],
    inputs: Mapping[str, Any],
    size: int,
    calls: tuple[int, int],
    flops: int,
    peak: Mapping[str, float],
) -> dict[str, Any]:
    """Return the figures of one batch size: of the fastest engine on each device, and of all engines.

    Args:
        ways: the engines by device.
        inputs: of the batch.
        size: of the batch.
        calls: how many are not measured, and how many are.
        flops: operations of one event.
        peak: operations per second of a product of matrices, by device.
    """
    figures: dict[str, Any] = {"engines": {}}
    for device, known in ways.items():
        timings = {name: engines.measure_call(partial(engine, inputs), *calls) for name, engine in known.items()}
        measured = {name: timing.per_rows(size) for name, timing in timings.items()}
        for entry in measured.values():
            entry["share_of_matmul_peak"] = entry["throughput"] * flops / peak[device]
        fastest = min(measured.values(), key=lambda entry: float(entry["median"]))
        figures[f"inference_time_{device}"] = fastest["median"]
        figures[f"throughput_{device}"] = fastest["throughput"]
        figures["engines"][device] = measured
    return figures


def repeat_inputs(model: Any, events: Events, rows: int) -> dict[str, Any]:
    """Return the inputs of so many events, dense; hits are padded to the longest of these events."""
    places = np.resize(np.arange(len(events)), rows)
    return {name: np.asarray(dense(events.inputs[name][places]), np.float32) for name in model.input}


def compare_with_runge_kutta(
    job: Job, data: Data, model: Any, throughput: float, calls: tuple[int, int, int], known: dict[str, Rows]
) -> dict[str, Any]:
    """Return the rows of Runge-Kutta, the model's error on the same tracks, and which wins; {} where none applies.

    Args:
        job: of the run.
        data: of the job.
        model: that is compared.
        throughput: of the model on a CPU [events/s].
        calls: tracks in one call of Runge-Kutta, calls that are not measured, and calls that are.
        known: see `benchmark`.
    """
    targets = [target for task in job.tasks.values() for target in task.targets]
    magnet = data.source.magnet
    if magnet is None or not runge_kutta.applies(magnet, data.column_names, targets):
        return {}
    events = first_events(data.splits.test, calls[0])
    table = {n: events.inputs[name][:, i] for name, names in data.columns.items() for i, n in enumerate(names)}
    predictions = predict(Predictor(model), events, job)
    errors = runge_kutta.position_errors(*(predictions.predicted[name] - predictions.true[name] for name in ("x", "y")))
    rows = known.setdefault(fingerprint(job, data.fingerprint), [])
    if not rows:
        rows += runge_kutta.measure_reference(magnet, table, events.columns, *calls, error=errors["pos_mean_mm"])
    verdict = runge_kutta.describe(errors["pos_mean_mm"], throughput, rows)
    return {**errors, "runge_kutta": rows, "verdict": verdict}
