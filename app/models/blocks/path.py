"""Track states along the way: what a physics-informed network gives at every zeta in [0, 1]. Imported with Keras.

All forms share `state(zeta) = straight_line(zeta) + (q/p) K(zeta)`; they differ in how a network makes the kick K.
Where the form is hard, K(0) = 0 holds by construction. The output of the network is the standardised kick at zeta = 1,
which is what the transform `kick` asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from app.physics.lorentz import State

Kick = tuple[Any, Any, Any, Any]
"""K or dK/dzeta of x, y [mm GeV], tx, ty [GeV], each (N, P)."""


class TrackHead(keras.layers.Layer):
    """A head that knows the whole track: call({"features": (N, F), "dz": (N,)}) -> {"end": (N, 4), "code": (N, ...)}.

    `end` is the standardised kick at zeta = 1, `code` is what the kick at any zeta follows from.

    Args:
        mean: of the kick at zeta = 1 over the training split, for x, y, tx, ty.
        std: its standard deviation.
    """

    positions_are_exact = False
    """Whether dx/dz = tx and dy/dz = ty hold identically, so that only two residuals remain."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.mean, self.std = np.asarray(mean, np.float32), np.asarray(std, np.float32)

    def call(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"end", "code"}."""
        raise NotImplementedError

    def kick(self, code: Any, dz: Any, zeta: Any) -> tuple[Kick, Kick]:
        """Return K and dK/dzeta at zeta (P,) for tracks of length dz (N,)."""
        raise NotImplementedError

    def along(self, code: Any, columns: Mapping[str, Any], zeta: Any) -> tuple[State, State]:
        """Return states and their derivatives by zeta, each a tuple of four (N, P): x, y [mm], tx, ty.

        Args:
            code: of the tracks.
            columns: x, y, dz [mm], tx, ty, qop [1/GeV], each (N,).
            zeta: where, as shares of dz, (P,).
        """
        kick, change = self.kick(code, columns["dz"], zeta)
        return on_line(columns, kick, change, zeta)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "mean": self.mean.tolist(), "std": self.std.tolist()}


def on_line(columns: Mapping[str, Any], kick: Kick, change: Kick, zeta: Any) -> tuple[State, State]:
    """Return state = straight line + (q/p) K and its derivative by zeta, four (N, P) each."""
    x, y, tx, ty, qop, dz = (columns[name][:, None] for name in ("x", "y", "tx", "ty", "qop", "dz"))
    along_x, along_y = tx * dz, ty * dz
    state = (
        x + along_x * zeta + qop * kick[0],
        y + along_y * zeta + qop * kick[1],
        tx + qop * kick[2],
        ty + qop * kick[3],
    )
    return state, (along_x + qop * change[0], along_y + qop * change[1], qop * change[2], qop * change[3])


def stacked(columns: Sequence[Any]) -> Any:
    """Return four (N, ...) as (N, ..., 4)."""
    return keras.ops.stack(columns, axis=-1)


def unstacked(values: Any) -> Kick:
    """Return (..., 4) as four (...)."""
    return values[..., 0], values[..., 1], values[..., 2], values[..., 3]
