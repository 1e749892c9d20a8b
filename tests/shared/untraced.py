"""Coverage without the libraries: while they work, which never calls code of ours, nothing is traced.

Python 3.11 traces each instruction of every function that runs while coverage is on, also of TensorFlow, matplotlib
and numba, whose lines nobody counts: tests took up to half as long again. The tracer is therefore stopped while a
module from elsewhere is imported and inside the functions of `FUNCTIONS`.
"""

from __future__ import annotations

import functools
import os
import sys
from importlib.machinery import SourceFileLoader

LIBRARIES = "site-packages"
FUNCTIONS = {
    "jsonschema.validators": ["Draft202012Validator.check_schema"],
    "keras.src.optimizers.base_optimizer": ["BaseOptimizer.apply"],
    "matplotlib.backends.backend_agg": ["FigureCanvasAgg.draw"],
    "matplotlib.figure": ["Figure.savefig"],
    "matplotlib.layout_engine": ["ConstrainedLayoutEngine.execute"],
    "numba.core.dispatcher": ["Dispatcher._compile_for_args", "Dispatcher.compile"],
    "tensorflow.python.autograph.pyct.transpiler": ["PyToPy.transform_function"],
    "tensorflow.python.eager.backprop": ["GradientTape.gradient"],
    "tensorflow.python.eager.polymorphic_function.atomic_function": ["from_func_graph"],
    "tensorflow.python.framework.auto_control_deps": ["AutomaticControlDependencies.__exit__"],
    "tensorflow.python.framework.op_def_library": ["_apply_op_helper"],
    "tensorflow.python.framework.tensor_conversion_registry": ["convert"],
    "tf2onnx.convert": ["_convert_common"],
}
"""By module the functions that take long."""


def untraced(function):
    """Return a function that does the same while nothing is traced."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        tracer = sys.gettrace()
        if type(tracer).__name__ != "CTracer":  # no coverage, or stopped already
            return function(*args, **kwargs)
        tracer.stop()
        try:
            return function(*args, **kwargs)
        finally:
            tracer.start()  # in the function that stopped it: the tracer's stack of calls is as it was

    return call


def trace_no_functions(module):
    """Replace the module's functions in `FUNCTIONS`."""
    for place in FUNCTIONS.get(module.__name__, ()):
        *owners, name = place.split(".")
        owner = functools.reduce(getattr, owners, module)
        setattr(owner, name, untraced(getattr(owner, name)))


def leave_out_libraries():
    """Trace no import of a library from now on, and none of the functions in `FUNCTIONS`."""
    load, load_untraced = SourceFileLoader.exec_module, untraced(SourceFileLoader.exec_module)

    def exec_module(self, module):
        if LIBRARIES in self.path:
            load_untraced(self, module)
            trace_no_functions(module)
        else:
            load(self, module)

    SourceFileLoader.exec_module = exec_module
    for name in FUNCTIONS.keys() & sys.modules.keys():  # the conftest.py of a folder may have imported it
        trace_no_functions(sys.modules[name])


def process_environment():
    """Return the environment of a process that runs what other tests run too: its coverage is not measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
