"""How far an ONNX model's outputs are from those of the Keras model that it was made from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.libraries import onnxruntime
from app.evaluation.predict import Predictor

TOLERANCE = 1e-4
"""Largest difference, as a share of the output's largest value. Measured: below 1e-6 for networks of all shipped kinds
that are not deep, 1e-5 for deep ones."""

Part = tuple[NDArray[Any], NDArray[Any], bool]
"""Each column's largest difference and largest value, and whether both are finite at the same places."""
Differences = dict[str, dict[str, float | None]]
"""By output of the graph: {"max_abs": in the output's unit, "max_rel": of its column's largest value}; None: not finite
in one of the two alone."""


def open_session(content: bytes, threads: int = 0) -> Any:
    """Return an onnxruntime session; what it warns of while it optimises a graph is no concern of the user.

    Args:
        content: of an ONNX file.
        threads: how many work on one operation; 0: all cores.

    Raises:
        UserError: the runtime cannot load the graph.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has a dozen kinds of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        what = f"onnxruntime {onnxruntime.__version__} cannot load the graph ({reason})"
        raise UserError(Problem(what, ("export",), expected="layers of operations that it has")) from None


def compare(model: Any, content: bytes, inputs: Mapping[str, Any], names: Mapping[str, str]) -> Differences:
    """Return the largest differences over some events.

    Args:
        model: the deployed Keras model.
        content: of the ONNX file.
        inputs: raw inputs of the events.
        names: the graph's name of each output of the model.
    """
    session, predictor = open_session(content), Predictor(model)
    parts: dict[str, list[Part]] = {name: [] for name in names}
    for portion in predictor.portions(inputs):
        expected = predictor.predict_portion(portion)
        arrays = session.run(list(names.values()), {name: np.asarray(portion[name]) for name in predictor.names})
        for name, values in zip(names, arrays, strict=True):
            parts[name].append(compare_arrays(expected[name], values))
    return {names[name]: largest_difference(compared) for name, compared in parts.items()}


def compare_arrays(expected: NDArray[Any], values: NDArray[Any]) -> Part:
    """Return each column's largest difference and largest value, and whether both are finite at the same places."""
    finite = np.isfinite(expected)
    alike = expected.shape == values.shape and bool(np.array_equal(finite, np.isfinite(values)))
    both = np.where(finite, expected, 0).astype(np.float64)
    difference = np.abs(np.where(finite, values, 0) - both) if alike else np.zeros_like(both)
    rows = tuple(range(both.ndim - 1))
    return difference.max(axis=rows, initial=0), np.abs(both).max(axis=rows, initial=0), alike


def largest_difference(parts: Sequence[Part]) -> dict[str, float | None]:
    """Return the largest difference of all parts; outputs of single hits are as wide as the part's longest event."""
    if not all(alike for *_, alike in parts):
        return {"max_abs": None, "max_rel": None}
    width = max(len(part[0]) for part in parts)
    difference = np.max([np.pad(largest, (0, width - len(largest))) for largest, _, _ in parts], axis=0)
    size = np.max([np.pad(largest, (0, width - len(largest))) for _, largest, _ in parts], axis=0)
    relative = difference / np.where(size > 0, size, 1)
    return {"max_abs": float(difference.max()), "max_rel": float(relative.max())}


def describe_differences(differences: Differences) -> list[str]:
    """Return a few words for each output that differs by more than the tolerance."""
    described = []
    for name, difference in differences.items():
        relative = difference["max_rel"]
        if relative is None:
            described.append(f"{name} is finite in one of the two alone")
        elif relative > TOLERANCE:
            described.append(f"{name} by {difference['max_abs']:.2g}, {relative:.1g} of its largest value")
    return described
