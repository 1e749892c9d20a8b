"""The transport Jacobian that a Kalman filter needs, d(x, y, tx, ty) at the end by d(x, y, tx, ty, q/p) at the start.

The covariance C of a track becomes F C F^T with F this 4x5 matrix. A network is a smooth function, so F costs no more
than its gradients. A model with accurate positions need not have an accurate F.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, WirechamberError
from app.core.libraries import tf
from app.physics.magnet import Magnet
from app.physics.propagation import Propagator

Floats = NDArray[np.float64]

OUTPUTS = ("x", "y", "tx", "ty")
INPUTS = (*OUTPUTS, "qop")
UNITS = {"x": "mm", "y": "mm", "tx": "1", "ty": "1", "qop": "1/GeV"}
STEP_SIZES = {"x": 0.1, "y": 0.1, "tx": 2e-5, "ty": 2e-5, "qop": 2e-5}
"""Steps of the differences [mm, 1, 1/GeV]: fields change over a metre, and steps in slope move the end by 0.1 mm."""
STEPS = 200
"""Steps of Runge-Kutta, whose error is then below that of the differences."""
FIELD_ACTS = 1e-3
"""An element that the field changes by less than this share of its size is compared with that size."""
MOMENTUM_BINS = (0.5, 1, 2, 5, 10, 20, 50, 100)
ROWS_AT_ONCE = 4096
WHERE = ("--jacobian",)


def transport_jacobian(
    model: Any, inputs: Mapping[str, Any], columns: Mapping[str, Sequence[str]], targets: Mapping[str, Sequence[str]]
) -> Floats:
    """Return d(x, y, tx, ty)_out / d(x, y, tx, ty, q/p)_in of a deployed model by automatic differentiation.

    No track sees another, so one reverse pass over four copies of the tracks, one for each output, gives all of it.

    Args:
        model: raw inputs to {task: (N, targets)} in physical units.
        inputs: raw input tensors (N, ...) by name.
        columns: names of the columns of each flat input.
        targets: names of the targets of each task.

    Returns:
        Shape (N, 4, 5), units of output over unit of input: mm, 1 and 1/GeV.

    Raises:
        WirechamberError: an element is not finite.
    """
    parts = []
    # Operation by operation: tracing a few steps of Runge-Kutta with their gradient takes a minute.
    for first in range(0, len(next(iter(inputs.values()))), ROWS_AT_ONCE):
        part = {name: array[first : first + ROWS_AT_ONCE] for name, array in inputs.items()}
        rows = len(next(iter(part.values())))
        copies = {name: tf.constant(np.concatenate([array] * 4)) for name, array in part.items()}
        watched = {name: copies[name] for name in columns}
        with tf.GradientTape() as tape:
            tape.watch(watched)
            outputs = model(copies, training=False)
            ends = {name: outputs[task][:, i] for task, names in targets.items() for i, name in enumerate(names)}
            total = tf.add_n([tf.reduce_sum(ends[name][i * rows : (i + 1) * rows]) for i, name in enumerate(OUTPUTS)])
        gradient = tape.gradient(total, watched, unconnected_gradients="zero")
        by_column = {c: gradient[name][:, i] for name, names in columns.items() for i, c in enumerate(names)}
        table = np.stack([np.asarray(by_column[name], np.float64) for name in INPUTS], axis=1)
        parts.append(np.moveaxis(table.reshape(4, rows, 5), 0, 1))
    return require_finite(np.concatenate(parts))


def require_finite(jacobian: Floats) -> Floats:
    """Return a Jacobian (N, 4, 5); raises WirechamberError where an element is not finite."""
    bad = int((~np.isfinite(jacobian)).any(axis=(1, 2)).sum())
    if bad:
        raise WirechamberError(f"The Jacobian is not finite for {bad} of {len(jacobian)} tracks.")
    return jacobian


def reference_jacobian(magnet: Magnet, columns: Mapping[str, Any], steps: int = STEPS, scale: float = 1.0) -> Floats:
    """Return the same matrix by central differences of Runge-Kutta in the data's field, all of it in float64.

    `F_ij = (f_i(s + h_j) - f_i(s - h_j)) / 2 h_j`, whose error is h_j^2/6 times the third derivative: with
    `STEP_SIZES` some 1e-8 of the field's effect in a smooth field, to be compared with 1e-6 of a float32 model. In a
    field map, whose gradient jumps from cell to cell, the difference is the mean over 2 h_j.

    Args:
        magnet: field and start plane.
        columns: x, y, dz [mm], tx, ty, qop [1/GeV], and z_start [mm] where it varies, each (N,).
        steps: of Runge-Kutta.
        scale: factor on all step sizes of the differences.

    Returns:
        Shape (N, 4, 5), units of output over unit of input: mm, 1 and 1/GeV.

    Raises:
        WirechamberError: an element is not finite.
    """
    known = {name: np.asarray(values, np.float64) for name, values in columns.items()}
    start = np.stack([known[name] for name in INPUTS], axis=1)
    shifts = scale * np.diag([STEP_SIZES[name] for name in INPUTS])
    moved = np.concatenate([start + sign * shift for shift in shifts for sign in (1, -1)])
    z_start, dz = (np.tile(np.broadcast_to(v, len(start)), 10) for v in (magnet.start(known), known["dz"]))
    end = Propagator(magnet.field)(moved[:, :4], moved[:, 4], z_start, dz, steps).state
    ahead, behind = np.moveaxis(end.reshape(5, 2, len(start), 4), 1, 0)
    return require_finite(np.moveaxis((ahead - behind) / (2 * shifts.max(axis=1)[:, None, None]), 0, 2))


def straight_line_jacobian(dz: Any) -> Floats:
    """Return the matrix of a track without a field, (N, 4, 5): 1 on the diagonal, dz from slope to position."""
    line = np.zeros((len(dz), 4, 5))
    line[:, range(4), range(4)] = 1.0
    line[:, 0, 2] = line[:, 1, 3] = dz
    return line


def compare_jacobians(jacobian: Floats, reference: Floats, dz: Any) -> dict[str, Any]:
    """Return how far a Jacobian is from the reference, element by element, as 4x5 tables.

    `relative_error = rms(jacobian - reference) / rms(reference - straight line)`: 0.01 is an error of 1 % of what the
    field does to the element, and 1 is what the straight line's own Jacobian has. Where the field hardly acts (elements
    "of": "line" in place of "field"), the denominator is the element's size without one: 1 between positions or slopes,
    dz from slope to position, 1/dz from position to slope, and the whole bending, both directions, for q/p.

    Args:
        jacobian: shape (N, 4, 5).
        reference: shape (N, 4, 5).
        dz: length of the tracks [mm], (N,).

    Returns:
        `relative_error`, `of`, and in the elements' own units `rms_error`, `median_error` (median of the absolute
        error), `rms_field` (what the field does) and `rms_reference`.
    """
    field = root_mean_square(reference - straight_line_jacobian(dz))
    length = float(root_mean_square(np.asarray(dz, np.float64)))
    size = np.block([[np.ones((2, 2)), np.full((2, 2), length)], [np.full((2, 2), 1 / length), np.ones((2, 2))]])
    bending = np.repeat([np.hypot(*field[:2, 4]), np.hypot(*field[2:, 4])], 2)
    size = np.column_stack([size, np.where(bending > 0, bending, 1.0)])
    acts = field > FIELD_ACTS * size
    error = root_mean_square(jacobian - reference)
    return {
        "relative_error": (error / np.where(acts, field, size)).tolist(),
        "of": np.where(acts, "field", "line").tolist(),
        "rms_error": error.tolist(),
        "median_error": np.median(np.abs(jacobian - reference), axis=0).tolist(),
        "rms_field": field.tolist(),
        "rms_reference": root_mean_square(reference).tolist(),
    }


def root_mean_square(values: Any) -> Any:
    """Return sqrt(mean(v^2)) over the events, the first axis."""
    return np.sqrt(np.mean(np.square(values), axis=0))


def by_momentum(jacobian: Floats, reference: Floats, columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the relative errors in momentum bins [GeV], each against the field's effect in the bin."""
    p = 1.0 / np.abs(columns["qop"])
    bins = []
    for low, high in pairwise(MOMENTUM_BINS):
        rows = (p >= low) & (p < high)
        if rows.any():
            figures = compare_jacobians(jacobian[rows], reference[rows], columns["dz"][rows])
            kept = {name: figures[name] for name in ("relative_error", "of")}
            bins.append({"low": low, "high": high, "rows": int(rows.sum()), **kept})
    return bins


def check_states(
    magnet: Magnet | None, columns: Mapping[str, Sequence[str]], targets: Mapping[str, Sequence[str]]
) -> Magnet:
    """Return the magnet; refuse models that do not map whole track states, and data whose field is not known."""
    inputs = [column for names in columns.values() for column in names]
    learned = [target for names in targets.values() for target in names]
    for kind, names, known in (("input column", (*INPUTS, "dz"), inputs), ("target", OUTPUTS, learned)):
        for name in names:
            if name not in known:
                what = f"a transport Jacobian needs the {kind} {name!r}, which the model lacks"
                raise UserError(
                    Problem(what, WHERE, expected=f"a model with the {kind}s {', '.join(names)}", received=known)
                )
    if magnet is None:
        what = "the field of the data is not known, so there is no Jacobian to compare with"
        raise UserError(Problem(what, WHERE, expected="'field' in the dataset, or data of 'simulate'"))
    if magnet.z_start is None and "z_start" not in inputs:
        what = "where the tracks begin is not known, so there is no Jacobian to compare with"
        raise UserError(Problem(what, WHERE, expected="'z': [z_start, z_end] in the dataset"))
    return magnet


def measure_jacobian(
    model: Any,
    magnet: Magnet,
    inputs: Mapping[str, Any],
    columns: Mapping[str, Sequence[str]],
    targets: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return the content of jacobian.json: a model's Jacobian compared with the reference on some tracks.

    `reference.uncertainty` is the reference's own difference, in the same measure, from one with steps and step sizes
    twice as large, an upper limit of its error.
    """
    jacobian = transport_jacobian(model, inputs, columns, targets)
    start = {c: np.asarray(inputs[n], np.float64)[:, i] for n, names in columns.items() for i, c in enumerate(names)}
    reference = reference_jacobian(magnet, start)
    coarse = compare_jacobians(reference_jacobian(magnet, start, STEPS // 2, 2.0), reference, start["dz"])
    return {
        "rows": len(jacobian),
        "outputs": list(OUTPUTS),
        "inputs": list(INPUTS),
        "units": UNITS,
        "reference": {"steps": STEPS, "step_sizes": STEP_SIZES, "uncertainty": coarse["relative_error"]},
        **compare_jacobians(jacobian, reference, start["dz"]),
        "bins": by_momentum(jacobian, reference, start),
    }


def task_jacobian(content: Mapping[str, Any], targets: Sequence[str]) -> dict[str, Any]:
    """Return what metrics.json says of one task: {"rows": N, "relative_error": {target: {input: figure}}}."""
    table = {
        target: dict(zip(content["inputs"], row, strict=True))
        for target, row in zip(content["outputs"], content["relative_error"], strict=True)
        if target in targets
    }
    return {"rows": content["rows"], "relative_error": table}
