"""One DeepXDE training step on the tracks of `pinn_step.py`, in a process that takes it when asked.

The same network, the same form `state = straight line + (q/p) zeta (mean + std Net)`, the same residual of the Lorentz
equation in the same units at the same points. DeepXDE takes points, not tracks: each of them carries its start state.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _worker import serve

PEAK, CENTER, SIGMA, Z_START, LIGHT_SPEED = -1.0182, 5007.0, 1744.0, 2665.0, 2.99792458e-4


def main(tracks: str, steps: int, mode: str) -> None:
    """Build the model on the tracks of an npz file, and serve so many steps at a time; "reverse" or "forward" mode."""
    import deepxde as dde
    from deepxde.backend import backend_name

    dde.config.set_default_autodiff(mode)

    with np.load(tracks) as content:
        known = {name: content[name].astype(np.float32) for name in content.files}
    state, zeta = known["state"], np.linspace(0, 1, int(known["points"]), dtype=np.float32)
    anchors = np.concatenate([np.repeat(state, len(zeta), 0), np.tile(zeta, len(state))[:, None]], 1)
    library = _library(backend_name)
    net = dde.nn.FNN([7, *known["hidden"].astype(int).tolist(), 4], "tanh", "Glorot normal")
    net.apply_feature_transform(_standardized(library, known))
    net.apply_output_transform(_on_line(library, known))
    low, high = anchors.min(0), anchors.max(0) + 1e-3
    data = dde.data.PDE(dde.geometry.Hypercube(low, high), _residuals(dde, library, known), [], anchors=anchors)
    model = dde.Model(data, net)
    model.compile("adam", lr=1e-3, verbose=0)
    inputs, targets, auxiliary = data.train_next_batch()

    def work() -> float:
        begin = time.perf_counter()
        for _ in range(steps):
            model._train_step(inputs, targets, auxiliary)
        model.outputs(False, inputs[:1])  # waits for the weights
        return time.perf_counter() - begin

    serve(work)


def _library(backend: str) -> Any:
    """Return the functions that the backends call by different names."""
    if backend == "pytorch":
        import torch

        return {"sqrt": torch.sqrt, "exp": torch.exp, "join": lambda parts: torch.cat(parts, 1), "own": torch.as_tensor}
    import tensorflow as tf

    return {"sqrt": tf.sqrt, "exp": tf.exp, "join": lambda parts: tf.concat(parts, 1), "own": tf.constant}


def _standardized(library: Any, known: Any) -> Any:
    figures = (np.append(known[name], np.float32(0.5)) for name in ("input_mean", "input_std"))
    mean, std = (library["own"](values) for values in figures)
    return lambda x: (x - mean) / std


def _on_line(library: Any, known: Any) -> Any:
    """Return the hard form: start state, line and kick."""
    mean, std = library["own"](known["mean"]), library["own"](known["std"])

    def states(x: Any, net: Any) -> Any:
        zeta, dz = x[:, 6:7], x[:, 5:6]
        line = library["join"]([x[:, 0:1] + x[:, 2:3] * dz * zeta, x[:, 1:2] + x[:, 3:4] * dz * zeta, x[:, 2:4]])
        return line + x[:, 4:5] * zeta * (mean + std * net)

    return states


def _residuals(dde: Any, library: Any, known: Any) -> Any:
    """Return the four residuals of the Lorentz equation in By(z), each (points, 1)."""
    std = [float(value) for value in known["std"]]

    def residuals(x: Any, y: Any) -> Any:
        values = _value(y)
        tx, ty, qop, dz, zeta = values[:, 2:3], values[:, 3:4], x[:, 4:5], x[:, 5:6], x[:, 6:7]
        u = (Z_START + dz * zeta - CENTER) / SIGMA
        by = PEAK * library["exp"](-0.5 * u * u)
        force = LIGHT_SPEED * qop * library["sqrt"](1.0 + tx * tx + ty * ty) * by
        right = (tx, ty, -force * (1.0 + tx * tx), -force * tx * ty)
        change = (_value(dde.grad.jacobian(y, x, i=i, j=6)) for i in range(4))
        return [(d - dz * r) / (qop * s) for d, r, s in zip(change, right, std, strict=True)]

    return residuals


def _value(found: Any) -> Any:
    """Return a tensor: in its forward mode DeepXDE hands it over together with the function."""
    return found[0] if isinstance(found, tuple) else found


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
