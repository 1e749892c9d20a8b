"""The C++ header of a network as one of the ways in which a model can be called."""

import ctypes
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.benchmark.engines import Engine, Inputs
from app.core.errors import UserError
from app.export.cpp_check import compile_program, find_compiler
from app.export.cpp_header import make_header, map_bytes

logger = logging.getLogger(__name__)

SOURCE = """
#include "@NAME@.hpp"
static const @NAME@::Network network@MAP@;
extern "C" void predict(std::size_t n, const float* in, float* out) {
  using namespace @NAME@;
  const float* columns[kColumns];
  float* targets[kTargets];
  for (int c = 0; c < kColumns; ++c) columns[c] = in + c * n;
  for (int t = 0; t < kTargets; ++t) targets[t] = out + t * n;
  network.predict(n, columns, targets);
}
"""


def cpp_engine(
    model: Any, name: str, columns: Mapping[str, Sequence[str]], tasks: Mapping[str, Sequence[str]]
) -> Engine | None:
    """Return a function that calls the compiled header; None where the model or the machine does not allow one.

    Args:
        model: the deployed model.
        name: of the run.
        columns: names of the columns of each flat input.
        tasks: the targets of each task.
    """
    compiler = find_compiler()
    try:
        header = make_header(model, name, columns, tasks)
    except UserError as error:
        logger.info("no C++ header: %s", error)
        return None
    if compiler is None:
        logger.info("no C++ header: no compiler found")
        return None
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / f"{header.name}.hpp").write_text(header.text, encoding="utf-8")
        if header.field_map:
            (folder / "map.bin").write_bytes(map_bytes(header.field_map))
        field = f'{{"{folder / "map.bin"}"}}' if header.field_map else ""
        source = SOURCE.replace("@NAME@", header.name).replace("@MAP@", field)
        compile_program(compiler, source, folder / "header.so", [f"-I{folder}", "-shared", "-fPIC"])
        predict = ctypes.CDLL(str(folder / "header.so")).predict  # stays loaded when the file is gone
    predict.argtypes = (ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    predict.restype = None
    width = sum(header.outputs.values())

    def call(inputs: Inputs) -> object:
        (rows,) = inputs.values()
        given, found = np.ascontiguousarray(rows.T, np.float32), np.empty((width, len(rows)), np.float32)
        predict(len(rows), given.ctypes.data, found.ctypes.data)
        return found

    return call
