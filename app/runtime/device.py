"""The machine a process computes on: memory growth, seeds, determinism, and the devices that it has."""

import contextlib
import importlib
import logging
import os
from functools import cache
from importlib import metadata

from app.core.libraries import keras, tf
from app.core.system import cores, hold_back_errors

logger = logging.getLogger(__name__)


def prepare(seed: int, deterministic: bool = False) -> str:
    """Seed every random source, let GPU memory grow as needed, and return a description of the device.

    Args:
        seed: seed of Python, NumPy and TensorFlow.
        deterministic: ask TensorFlow for operations whose results are bitwise reproducible, which may be slower.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):  # this process uses the GPU already, with growth as it was set then
            tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.set_random_seed(seed)
    if "XLA_FLAGS" in os.environ and not deterministic:
        note = "they may change results; with --deterministic Keras compiles nothing by XLA"
        logger.warning("XLA_FLAGS are set (%s): %s", os.environ["XLA_FLAGS"], note)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    hear_out_onednn()
    return describe(gpus)


@cache
def hear_out_onednn() -> None:
    """Send to the log (debug) what oneDNN says once in a process, past every log level, about types that it lacks."""
    with hold_back_errors(), tf.device("CPU"):
        tf.transpose(tf.zeros((1, 1), tf.int64))


def is_deterministic() -> bool:
    """Whether this process has asked TensorFlow for deterministic operations; Keras does not compile those by XLA."""
    return bool(importlib.import_module("tensorflow.python.framework.config").is_op_determinism_enabled())


def version(package: str) -> tuple[int, int]:
    """Return the first two numbers of an installed package's version."""
    major, minor = metadata.version(package).split(".")[:2]
    return int(major), int(minor)


def describe(gpus: list[object]) -> str:
    """Return e.g. 'GPU NVIDIA H200' or 'CPU with 2 cores, no GPU found'."""
    if not gpus:
        return f"CPU with {cores()} cores, no GPU found"
    names = [str(tf.config.experimental.get_device_details(gpu).get("device_name", "unknown")) for gpu in gpus]
    return "GPU " + ", ".join(names)
