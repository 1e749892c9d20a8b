"""The ways in which a deployed model can be called, each as a function from NumPy arrays to NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.core.errors import WirechamberError
from app.core.libraries import tf
from app.core.system import cores
from app.export import parity

Inputs = Mapping[str, Any]
Engine = Callable[[Inputs], object]
CPU, GPU = "/CPU:0", "/GPU:0"


def engines(model: Any, content: bytes | None) -> dict[str, dict[str, Engine]]:
    """Return {"cpu": {name: engine}, "gpu": ...}, the latter where there is a GPU.

    `keras` is TensorFlow's graph, `keras_xla` the same compiled, `onnx_1_thread` and `onnx_<cores>_threads` are ONNX
    Runtime. Copying to and from the device is part of every call.

    Args:
        model: the deployed model.
        content: of its ONNX file, if it has one.
    """
    found = {"cpu": {"keras": _keras(model, CPU, False), "keras_xla": _keras(model, CPU, True)}}
    if content is not None:
        found["cpu"] |= {_label(n): _onnx(content, n) for n in sorted({1, cores()})}
    if tf.config.list_physical_devices("GPU"):
        found["gpu"] = {"keras": _keras(model, GPU, False), "keras_xla": _keras(model, GPU, True)}
    return found


def _label(threads: int) -> str:
    return f"onnx_{threads}_thread{'s' if threads > 1 else ''}"


def _keras(model: Any, device: str, compiled: bool) -> Engine:
    function = tf.function(lambda inputs: model(inputs, training=False), jit_compile=compiled, autograph=False)

    def call(inputs: Inputs) -> object:
        with tf.device(device):
            said = function({name: tf.constant(values) for name, values in inputs.items()})
        return {name: tensor.numpy() for name, tensor in said.items()}

    return call


def _onnx(content: bytes, threads: int) -> Engine:
    session = parity.session_of(content, threads)
    return lambda inputs: session.run(None, dict(inputs))


def flops(model: Any, inputs: Inputs) -> int:
    """Return the floating-point operations of one event, counted by TensorFlow's profiler in the frozen graph.

    It knows products, convolutions and elementwise arithmetic, and takes an exponential for one operation.

    Args:
        model: the deployed model.
        inputs: of one event.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = tf.function(lambda given: model(given, training=False), autograph=False)
    frozen = convert_variables_to_constants_v2(
        function.get_concrete_function({name: tf.TensorSpec(v.shape, v.dtype) for name, v in inputs.items()})
    )
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    found = profiler.profile(frozen.graph, options=options)
    if found is None:
        raise WirechamberError("TensorFlow's profiler counted no operations.")
    return int(found.total_float_ops)
