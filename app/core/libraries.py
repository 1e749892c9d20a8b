"""Large libraries, each loaded when something of it is first used: `from app.core.libraries import keras`.

`--help`, `validate` and `list` import every component and answer at once, so no component may load TensorFlow when it
is imported. Importing this module chooses the backend and the settings of Keras, whatever a user's keras.json says:
float64 or another order of the axes there would change the results of every job.
"""

import gc
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from app.core.interruption import leave_at_once
from app.core.remote import load_xrootd

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["KERAS_HOME"] = str(Path(__file__).parent / "keras_home")  # with a keras.json of our own
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# TensorFlow's own allocator keeps the memory of a step for the next one. With the system's, half of the time of a dense
# network's step on a CPU goes into page faults (11,500 a step at batch 2048): 14 steps/s instead of 43.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
# Other kernels than those that TensorFlow takes by itself give other last digits.
os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
# XLA compiles what Keras asks it to and nothing else; with --tf_xla_auto_jit a run has other weights.
if "TF_XLA_FLAGS" in os.environ:
    _flags = os.environ["TF_XLA_FLAGS"].split()
    os.environ["TF_XLA_FLAGS"] = " ".join(flag for flag in _flags if not flag.startswith("--tf_xla_auto_jit"))


@cache
def load_tensorflow() -> None:
    """Load TensorFlow and look for GPUs; what it writes about CUDA, past every log level, goes to the log (debug)."""
    from app.core.system import hold_back_errors

    load_xrootd()
    with leave_at_once(), hold_back_errors(), keep_out_of_collection():
        importlib.import_module("tensorflow").config.list_physical_devices("GPU")
        importlib.import_module("keras")


@contextmanager
def keep_out_of_collection() -> Iterator[None]:
    """Look for no garbage among what is imported inside, now and later: none of its million objects ever is.

    Loading takes a seventh less time so; and Keras collects garbage before it builds a model.
    """
    gc.collect()  # what is garbage already would be kept as well
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collected:
            gc.enable()


class Library:
    """A library that is imported when an attribute of it is asked for.

    Unlike the module of `importlib.util.LazyLoader`, it does not enter sys.modules. There other libraries would take it
    for loaded: matplotlib asks sys.modules["tensorflow"] whether an array is a tensor, and TensorFlow, imported first,
    would find a Keras without content.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Return an attribute of the library."""
        if self._name in ("keras", "tensorflow"):
            load_tensorflow()
        return getattr(importlib.import_module(self._name), attribute)


keras: Any = Library("keras")
tf: Any = Library("tensorflow")
uproot: Any = Library("uproot")
onnx: Any = Library("onnx")
onnxruntime: Any = Library("onnxruntime")
