"""Heads that know a whole track: the states that a physics-informed network gives at every zeta in [0, 1].

Imported with Keras. All forms share `state(zeta) = straight_line(zeta) + (q/p) K(zeta)`; they differ in how a network
makes the kick K. Where the form is hard, K(0) = 0 holds by construction. The output of the network is the standardised
kick at zeta = 1, which is what the transform `kick` asks for.

The classes of layers with weights keep their names, e.g. `NetworkPath`: Keras stores weights under the class name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from app.layers.saving import saved
from app.physics.lorentz import State

Kick = tuple[Any, Any, Any, Any]
"""K or dK/dzeta of x, y [mm GeV], tx, ty [GeV], each (N, P)."""


class TrackHead(keras.layers.Layer):
    """A head that knows the whole track: call({"features": (N, F), "dz": (N,)}) -> {"end": (N, 4), "code": (N, ...)}.

    `end` is the standardised kick at zeta = 1; the kick at any zeta is computed from `code`.

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
        return state_on_line(columns, kick, change, zeta)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "mean": self.mean.tolist(), "std": self.std.tolist()}


def state_on_line(columns: Mapping[str, Any], kick: Kick, change: Kick, zeta: Any) -> tuple[State, State]:
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


def unstack_components(values: Any) -> Kick:
    """Return (..., 4) as four (...)."""
    return values[..., 0], values[..., 1], values[..., 2], values[..., 3]


WEIGHTS = np.array([1.0, 2.0, 2.0, 1.0]) / 6.0
NODES = {"rk4": (0.0, 0.5, 0.5, 1.0), "quarters": (0.25, 0.5, 0.75, 1.0)}


@saved
class Stages(TrackHead):
    """Four heads give the derivatives k_i of the state by zeta; `state = start + sum(w_i k_i)`, w = softmax(log w).

    Each head gives the standardised kick that its derivative alone would make; because the weights add up to 1, so does
    their mean. The weights start at exactly [1, 2, 2, 1] / 6 and are learned.

    Args:
        mean: of the kick at zeta = 1, for x, y, tx, ty.
        std: its standard deviation.
        nodes: places of the stages: "rk4" at 0, 1/2, 1/2, 1 or "quarters".
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], nodes: str, **options: Any) -> None:
        super().__init__(mean, std, **options)
        self.scheme, self.nodes = nodes, NODES[nodes]
        self.heads = [keras.layers.Dense(4, name=f"stage_{i}", dtype="float32") for i in range(1, 5)]

    def build(self, shapes: Any) -> None:
        """Make the heads and the logarithms of the weights."""
        for head in self.heads:
            head.build(shapes["features"])
        start = keras.initializers.Constant(np.log(WEIGHTS))
        self.log_weights = self.add_weight(shape=(4,), initializer=start, name="log_weights")
        self.built = True

    @property
    def weights_of_stages(self) -> Any:
        """The weights w_i, (4,)."""
        return keras.ops.softmax(self.log_weights)

    def call(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Return the standardised kick at zeta = 1 and the stages (N, 4 stages, 4)."""
        code = keras.ops.stack([head(tensors["features"]) for head in self.heads], axis=1)
        return {"end": keras.ops.sum(code * self.weights_of_stages[:, None], axis=1), "code": code}

    def stages(self, code: Any, columns: Mapping[str, Any]) -> tuple[State, State]:
        """Return the states at which the stages' derivatives belong, and these derivatives by zeta: four (N, 4) each.

        At the nodes of "rk4" they are y0, y0 + k_1/2, y0 + k_2/2, y0 + k_3, those of the classical method. At other
        nodes each stage starts at the state to which the stage before it leads.
        """
        zero = 0.0 * code
        k = unstack_components(self.mean + self.std * code)
        start, derivatives = state_on_line(columns, unstack_components(zero), k, 0.0)
        lead = np.zeros((4, 4), np.float32)  # state_i = start + sum_j lead[i, j] k_j
        for i, node in enumerate(self.nodes):
            if self.scheme == "rk4" and i:
                lead[i, i - 1] = node
            elif self.scheme != "rk4":
                lead[i] = lead[i - 1] if i else 0.0
                lead[i, max(i - 1, 0)] += node - (self.nodes[i - 1] if i else 0.0)
        x, y, tx, ty = (s + k @ lead.T for s, k in zip(start, derivatives, strict=True))
        return (x, y, tx, ty), derivatives

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "nodes": self.scheme}
