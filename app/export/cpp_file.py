"""`export --cpp`: the header of a finished run, compiled and compared with Keras where there is a compiler."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import WirechamberError
from app.core.files import make_folder, write_bytes
from app.data.loading import Data, first_events
from app.evaluation.jacobian import transport_jacobian
from app.evaluation.predict import Predictor
from app.export import cpp_check
from app.export.cpp_header import Header, make_header, map_bytes
from app.export.onnx_file import to_float32

logger = logging.getLogger(__name__)

ROWS, FEW = 1000, 200
"""Validation events of which the outputs and the Jacobians are compared."""
TOLERANCE, OF_JACOBIAN = 1e-5, 1e-3
"""Largest difference as a share of the output's largest value, and of the element's largest value."""
Tasks = Mapping[str, Sequence[str]]
"""The targets of each task."""
AT_EDGES = 0.02
"""Share of the tracks whose Jacobian may differ: those that look up a field map, or an activation, at a corner."""


def export_cpp(job: Job, data: Data, deployed: Any, folder: Path) -> Path:
    """Write <run>.hpp, and with a field map <run>.bin, to a folder; return the header's path.

    Raises:
        UserError: a part of the model has no counterpart in C++.
        WirechamberError: the header does not compile, or differs from Keras; it is removed.
    """
    model = to_float32(deployed)
    tasks = {name: task.targets for name, task in job.tasks.items()}
    header = make_header(model, job.name, data.columns, tasks)
    make_folder(folder)
    path, table = folder / f"{header.name}.hpp", folder / f"{header.name}.bin"
    write_bytes(path, lambda file: file.write(header.text.encode()))
    if header.field_map:
        content = map_bytes(header.field_map)
        write_bytes(table, lambda file: file.write(content))
    compiler = cpp_check.find_compiler()
    if compiler is None:
        logger.warning("%s: not checked, no compiler found (%s)", path.name, ", ".join(cpp_check.COMPILERS))
        return path
    try:
        check_header(compiler, header, data, tasks, model, folder)
    except BaseException:
        path.unlink()
        table.unlink(missing_ok=True)
        raise
    return path


def check_header(compiler: str, header: Header, data: Data, tasks: Tasks, model: Any, folder: Path) -> None:
    """Compare a header with Keras on validation events.

    Raises:
        WirechamberError: it does not compile, or an output or the Jacobian differs.
    """
    events = first_events(data.splits.validation, ROWS).inputs
    (name,) = model.input
    inputs = np.asarray(events[name], np.float32)
    begun = time.monotonic()
    many, one, jacobian = cpp_check.run_header(compiler, header, folder, inputs)
    seconds = time.monotonic() - begun
    predictor = Predictor(model)
    parts = [predictor.predict_portion(portion) for portion in predictor.portions({name: inputs})]
    outputs = {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}
    expected = cpp_check.expected_outputs(header, outputs)
    worst = max(cpp_check.largest_share(many, expected), cpp_check.largest_share(one, expected))
    if not worst <= TOLERANCE:
        what = f"differs from Keras by {worst:.1g} of the output's largest value"
        raise WirechamberError(f"{header.name}.hpp {what}. Allowed {TOLERANCE:g}. It was removed.")
    if header.jacobian:
        check_jacobian(header, data, tasks, model, inputs[:FEW], jacobian[:FEW])
    message = "%s.hpp: %.0f kB; differs from Keras by %.1g of each output's largest value, on %d events; %s in %.1f s"
    size = len(header.text) / 1e3
    logger.info(message, header.name, size, worst, len(inputs), Path(compiler).name, seconds)


def check_jacobian(header: Header, data: Data, tasks: Tasks, model: Any, inputs: Any, jacobian: Any) -> None:
    """Compare Jacobians with those that Keras finds by automatic differentiation."""
    (name,) = model.input
    expected = transport_jacobian(model, {name: inputs}, data.columns, tasks)
    size = np.abs(expected).max(axis=0)
    share = np.abs(jacobian - expected) / np.where(size > 0, size, 1)
    differ = (share.max(axis=(1, 2)) > OF_JACOBIAN).mean()
    if differ > AT_EDGES:
        what = f"the Jacobian differs from Keras by more than {OF_JACOBIAN:g} for {differ:.0%} of the tracks"
        raise WirechamberError(f"{header.name}.hpp: {what}. It was removed.")
