"""States along the track of a trained model that knows whole tracks, from raw inputs. Imports Keras."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from app.core.errors import Problem, UserError
from app.data.loading import stack_columns
from app.layers.features import split_columns
from app.models.blocks.track_heads import TrackHead
from datasets.transforms.chain import Mirror
from datasets.transforms.kick import STATE

POINTS_AT_ONCE = 65536


class Trajectory:
    """Calls a deployed model at any zeta: columns {name: (N,)} to {"x", "y", "tx", "ty": (N, P)} in physical units.

    Args:
        deployed: the model, raw inputs to physical targets at the end.
        columns: names of the columns of each flat input.
        mirror: whether its network sees mirrored tracks.

    Raises:
        UserError: the model knows the ends of its tracks only.
    """

    def __init__(self, deployed: Any, columns: Mapping[str, Sequence[str]], mirror: bool) -> None:
        self.deployed, self.columns, self.mirror = deployed, columns, Mirror() if mirror else None
        self.path = next((layer for layer in deployed.layers if isinstance(layer, TrackHead)), None)
        if self.path is None or hasattr(self.path, "stages"):
            known = "a Runge-Kutta step: its end and its stages" if self.path is not None else "the end of a track only"
            raise UserError(Problem(f"the model knows {known}", ("track",), expected="a run with the model 'pinn'"))
        outputs = keras.tree.pack_sequence_as({"end": 0, "code": 0}, self.path.output)  # Keras keeps them as a list
        self.code = keras.Model(deployed.input, outputs["code"])

    def __call__(self, columns: Mapping[str, Any], zeta: Any) -> dict[str, Any]:
        """Return the states at zeta (P,), shares of each track's dz from 0 to 1.

        Raises:
            UserError: zeta is not a list of numbers from 0 to 1.
        """
        points, rows = np.atleast_1d(np.asarray(zeta, np.float32)), len(next(iter(columns.values())))
        if points.ndim != 1 or not points.size:
            problem = Problem("not a list of points", ("zeta",), expected="numbers from 0 to 1", received=points.shape)
            raise UserError(problem)
        outside = points[~((points >= 0) & (points <= 1))]
        if len(outside):
            what = f"{len(outside)} of {len(points)} points lie outside the track"
            expected = "shares of dz from 0, the start, to 1, the end"
            raise UserError(Problem(what, ("zeta",), expected=expected, received=float(outside[0])))
        if not rows:
            return {name: np.empty((0, len(points)), np.float32) for name in STATE}
        flat = {name: stack_columns(columns, names) for name, names in self.columns.items()}
        step = max(1, POINTS_AT_ONCE // len(points))
        parts = [
            self._states({name: values[first : first + step] for name, values in flat.items()}, points)
            for first in range(0, rows, step)
        ]
        return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(STATE)}

    def _states(self, inputs: Mapping[str, Any], zeta: Any) -> list[Any]:
        tensors = {name: keras.ops.convert_to_tensor(values) for name, values in inputs.items()}
        known = split_columns(tensors, self.columns)
        folded = self.mirror.fold(known) if self.mirror else known
        states, _ = self.path.along(self.code(tensors), folded, zeta)  # type: ignore[union-attr]
        if self.mirror:
            signs = self.mirror.signs(known)
            states = [state * signs[name][:, None] for name, state in zip(STATE, states, strict=True)]
        return [np.asarray(state) for state in states]
