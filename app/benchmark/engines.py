"""The ways in which a deployed model can be called, and how long a call takes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.core.errors import WirechamberError
from app.core.libraries import tf
from app.core.system import cores
from app.export import parity

Inputs = Mapping[str, Any]
Engine = Callable[[Inputs], object]
CPU, GPU = "/CPU:0", "/GPU:0"
MOST_SECONDS, FEWEST, LONGEST = 10.0, 5, 60.0
"""A measurement stops after `MOST_SECONDS` when it has the `FEWEST` figures, and after the `LONGEST` time with fewer:
large batches of large networks would take minutes, and some graphs that XLA compiles take hours."""
MATRIX = 2048
"""Rows and columns of the matrices whose product `matmul_peak` measures."""


def engines(model: Any, content: bytes | None) -> dict[str, dict[str, Engine]]:
    """Return {"cpu": {name: engine}, "gpu": ...}, the latter where there is a GPU.

    `keras` is TensorFlow's graph, `keras_xla` the same compiled, `onnx_1_thread` and `onnx_<cores>_threads` are ONNX
    Runtime. Copying to and from the device is part of every call.

    Args:
        model: the deployed model.
        content: of its ONNX file, if it has one.
    """
    made = {"cpu": {"keras": keras_engine(model, CPU, False), "keras_xla": keras_engine(model, CPU, True)}}
    if content is not None:
        for threads in sorted({1, cores()}):
            made["cpu"][f"onnx_{threads}_thread{'s' if threads > 1 else ''}"] = onnx_engine(content, threads)
    if tf.config.list_physical_devices("GPU"):
        made["gpu"] = {"keras": keras_engine(model, GPU, False), "keras_xla": keras_engine(model, GPU, True)}
    return made


def keras_engine(model: Any, device: str, compiled: bool) -> Engine:
    """Return a function that calls the model as a graph on a device, compiled by XLA or not."""
    function = tf.function(lambda inputs: model(inputs, training=False), jit_compile=compiled, autograph=False)

    def call(inputs: Inputs) -> object:
        with tf.device(device):
            outputs = function({name: tf.constant(values) for name, values in inputs.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return call


def onnx_engine(content: bytes, threads: int) -> Engine:
    """Return a function that calls ONNX Runtime on so many threads."""
    session = parity.open_session(content, threads)
    return lambda inputs: session.run(None, dict(inputs))


def count_flops(model: Any, inputs: Inputs) -> int:
    """Return the floating-point operations of one event, counted by TensorFlow's profiler in the frozen graph.

    It knows products, convolutions and elementwise arithmetic, and takes an exponential for one operation.

    Args:
        model: the deployed model.
        inputs: of one event.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = tf.function(lambda tensors: model(tensors, training=False), autograph=False)
    signature = {name: tf.TensorSpec(values.shape, values.dtype) for name, values in inputs.items()}
    frozen = convert_variables_to_constants_v2(function.get_concrete_function(signature))
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    profile = profiler.profile(frozen.graph, options=options)
    if profile is None:
        raise WirechamberError("TensorFlow's profiler counted no operations.")
    return int(profile.total_float_ops)


@dataclass(frozen=True)
class Timing:
    """Seconds of one call.

    Attributes:
        median: over the iterations.
        quantile_95: 95 % of the iterations took no longer.
        iterations: how many were measured.
    """

    median: float
    quantile_95: float
    iterations: int

    def per_rows(self, rows: int) -> dict[str, Any]:
        """Return the figures with the throughput [events/s] of calls with so many rows."""
        return {**asdict(self), "throughput": rows / self.median}


def measure_call(call: Callable[[], object], warmup: int, iterations: int) -> Timing:
    """Measure a call after calls that are not measured: the first ones compile and fill caches."""
    spent = 0.0
    for _ in range(warmup):
        spent += _seconds(call)
        if spent > MOST_SECONDS:
            break
    seconds = [_seconds(call)]
    while len(seconds) < iterations and sum(seconds) < (MOST_SECONDS if len(seconds) >= FEWEST else LONGEST):
        seconds.append(_seconds(call))
    return Timing(float(np.median(seconds)), float(np.quantile(seconds, 0.95)), len(seconds))


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def matmul_peak(device: str) -> float:
    """Return the floating-point operations per second of a product of two matrices in float32: the best of ten."""
    with tf.device(device):
        matrix = tf.random.normal((MATRIX, MATRIX))
        product = tf.function(lambda a: tf.reduce_sum(a @ a))
        product(matrix).numpy()
        fastest = min(_seconds(lambda: product(matrix).numpy()) for _ in range(10))
    return float(2 * MATRIX**3 / fastest)
