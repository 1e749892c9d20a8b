"""Scalings of the light of a sensor, for NumPy arrays and tensors."""

from __future__ import annotations

from typing import Any

from app.physics.arrays import module_of

STEEPEST = 1e-12
"""Below this the square root goes on flat, so that its slope stays finite where there is no light."""


def scaled(photons: Any, scaling: str) -> Any:
    """Return photons n as the scaling has them: n, sqrt n, 2 sqrt(n + 3/8) or ln(1 + n), continued to negative n."""
    if scaling == "linear":
        return photons
    if scaling == "anscombe":
        return 2.0 * _root(photons + 0.375)
    return _root(photons) if scaling == "sqrt" else _logarithm(photons)


def _root(value: Any) -> Any:
    ops = module_of(value)
    return ops.sign(value) * ops.sqrt(ops.maximum(ops.abs(value), STEEPEST))


def _logarithm(value: Any) -> Any:
    ops = module_of(value)
    return ops.sign(value) * ops.log1p(ops.abs(value))
