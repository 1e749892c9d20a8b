"""How far an ONNX model's answers are from those of the Keras model that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.libraries import onnxruntime
from app.evaluation.predictor import Predictor

TOLERANCE = 1e-4
"""Largest difference, as a share of the output's largest value. Measured: below 1e-6 for networks of all shipped kinds
that are not deep, 1e-5 for deep ones."""

Part = tuple[NDArray[Any], NDArray[Any], bool]
Differences = dict[str, dict[str, float | None]]
"""By output of the graph: {"max_abs": in the output's unit, "max_rel": of its column's largest value}; None: not finite
in one of the two alone."""


def session_of(content: bytes, threads: int = 0) -> Any:
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
        what = f"onnxruntime {onnxruntime.__version__} cannot load the graph ({_first_line(error)})"
        raise UserError(Problem(what, ("export",), expected="layers of operations that it has")) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def compare(model: Any, content: bytes, inputs: Mapping[str, Any], names: Mapping[str, str]) -> Differences:
    """Return the largest differences over some events.

    Args:
        model: the deployed Keras model.
        content: of the ONNX file.
        inputs: raw inputs of the events.
        names: the graph's name of each output of the model.
    """
    session, predictor = session_of(content), Predictor(model)
    found: dict[str, list[Part]] = {name: [] for name in names}
    for cut in predictor.portions(inputs):
        expected = predictor.portion(cut)
        said = session.run([names[name] for name in names], {name: np.asarray(cut[name]) for name in predictor.names})
        for name, values in zip(names, said, strict=True):
            found[name].append(_compared(expected[name], values))
    return {names[name]: _worst(parts) for name, parts in found.items()}


def _compared(expected: NDArray[Any], values: NDArray[Any]) -> Part:
    """Return each column's largest difference and largest value, and whether both are finite at the same places."""
    there = np.isfinite(expected)
    alike = expected.shape == values.shape and bool(np.array_equal(there, np.isfinite(values)))
    both = np.where(there, expected, 0).astype(np.float64)
    difference = np.abs(np.where(there, values, 0) - both) if alike else np.zeros_like(both)
    rows = tuple(range(both.ndim - 1))
    return difference.max(axis=rows, initial=0), np.abs(both).max(axis=rows, initial=0), alike


def _worst(parts: list[Part]) -> dict[str, float | None]:
    if not all(alike for *_, alike in parts):
        return {"max_abs": None, "max_rel": None}
    width = max(len(part[0]) for part in parts)  # of single hits: as wide as the part's longest event
    difference = np.max([np.pad(one, (0, width - len(one))) for one, _, _ in parts], axis=0)
    size = np.max([np.pad(one, (0, width - len(one))) for _, one, _ in parts], axis=0)
    relative = difference / np.where(size > 0, size, 1)
    return {"max_abs": float(difference.max()), "max_rel": float(relative.max())}


def differing(differences: Differences) -> list[str]:
    """Return a few words for each output that differs by more than the tolerance."""
    return [f"{name} {_words(found)}" for name, found in differences.items() if not _agrees(found)]


def _agrees(found: Mapping[str, float | None]) -> bool:
    return found["max_rel"] is not None and found["max_rel"] <= TOLERANCE


def _words(found: Mapping[str, float | None]) -> str:
    if found["max_rel"] is None:
        return "is finite in one of the two alone"
    return f"by {found['max_abs']:.2g}, {found['max_rel']:.1g} of its largest value"
