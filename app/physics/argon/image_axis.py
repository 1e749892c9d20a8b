"""The axis along which charge is spread, from the images of three planes: what can be had without a network.

Each image (rows ticks, columns channels) has three second moments: of time, of the wires, of both. Wires of U and V
measure s y' + c z' and s y' - c z', those of X z', so that with pitches p, lengths in cm:

    <zz> = <ww>, <yz> = (<uu> - <vv>)/4sc, <yy> = [(<uu> + <vv>)/2 - c^2 <ww>]/s^2,
    <xx> = <tt>, <xz> = <tw>, <xy> = (<tu> + <tv>)/2s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.physics.argon.planes import PITCH, TICKS_PER_CM, WIRE_ANGLE

Floats = NDArray[np.float64]

BLUR = 0.06
"""Variance in x' that pulses and diffusion add [cm2]."""


def moments(image: NDArray[Any], pitch: float) -> tuple[Floats, Floats, Floats]:
    """Return the variance of the drift distance, of the wires, and their covariance (N,) [cm2]; 0 for empty images.

    Args:
        image: (N, ticks, channels), not negative.
        pitch: of the wires [cm].
    """
    total = image.sum(axis=(1, 2), dtype=np.float64)
    weight = image / np.where(total > 0, total, 1.0)[:, None, None]
    t, w = np.arange(image.shape[1]) / TICKS_PER_CM, np.arange(image.shape[2]) * pitch
    along, across = weight.sum(axis=2), weight.sum(axis=1)
    mean_t, mean_w = along @ t, across @ w
    both = np.einsum("ntw,t,w->n", weight, t, w) - mean_t * mean_w
    return along @ t**2 - mean_t**2, across @ w**2 - mean_w**2, both


def covariance(u: NDArray[Any], v: NDArray[Any], x: NDArray[Any]) -> Floats:
    """Return the second moments of the charge in the canonical frame, (N, 3, 3) [cm2], from images (N, T, C)."""
    s, c = float(np.sin(WIRE_ANGLE)), float(np.cos(WIRE_ANGLE))
    (_, uu, tu), (_, vv, tv), (tt, ww, tw) = (moments(i, p) for i, p in zip((u, v, x), PITCH, strict=True))
    xx, yy = np.maximum(tt - BLUR, 0), np.maximum(((uu + vv) / 2 - c**2 * ww) / s**2, 0)
    xy, yz = (tu + tv) / (2 * s), (uu - vv) / (4 * s * c)
    return np.moveaxis(np.array([[xx, xy, tw], [xy, yy, yz], [tw, yz, ww]]), -1, 0)


def principal_axis(u: NDArray[Any], v: NDArray[Any], x: NDArray[Any]) -> Floats:
    """Return unit vectors (N, 3) along the largest spread of the charge; their sign means nothing.

    Args:
        u: images of U, (N, ticks, channels).
        v: images of V.
        x: images of X.
    """
    axis: Floats = np.linalg.eigh(covariance(u, v, x))[1][:, :, 2]
    return axis
