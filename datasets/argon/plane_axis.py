"""Moments of the charge in plane images, and the axis in space that explains them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.argon.planes import PITCH, PROJECTION, TICKS_PER_CM

PLANES = ("u", "v", "x")
PULSE = 2.8
"""Standard deviation of a pulse [ticks], the image of a point in time."""
WIRE = 1 / np.sqrt(12.0)
"""Standard deviation of the image of a point across the wires [channels]."""
POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))
"""Powers of (tick, channel) in each moment."""
Floats = NDArray[np.float64]


class Moments(NamedTuple):
    """The sum of ADC counts of N images (N,), and their central moments of second and third order.

    `second` (N, 3) has tick-tick, tick-channel, channel-channel [ticks, channels]; `third` (N, 4) the same with three
    factors. They are NaN where an image holds no charge.
    """

    charge: Floats
    second: Floats
    third: Floats


def image_moments(images: NDArray[Any]) -> Moments:
    """Return the moments of images (N, ticks, channels), of their positive pixels.

    One product of matrices gives the raw moments about the middle of the image in units of its half size, where
    float32 does not lose them; the central ones follow from the binomial formula.
    """
    ticks, channels = images.shape[1:]
    size = np.array([ticks / 2, channels / 2])
    t = ((np.arange(ticks) - (ticks - 1) / 2) / size[0])[:, None]
    c = ((np.arange(channels) - (channels - 1) / 2) / size[1])[None, :]
    basis = np.stack([(t**i * c**j).ravel() for i, j in POWERS], axis=-1).astype(np.float32)
    raw = (np.maximum(images, 0).reshape(-1, ticks * channels) @ basis).astype(np.float64)
    charge = raw[:, 0].copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        _, t, c, tt, tc, cc, ttt, ttc, tcc, ccc = (raw / charge[:, None]).T
    second = [tt - t * t, tc - t * c, cc - c * c]
    third = [
        ttt - 3 * t * tt + 2 * t**3,
        ttc - 2 * t * tc - c * tt + 2 * t * t * c,
        tcc - 2 * c * tc - t * cc + 2 * c * c * t,
        ccc - 3 * c * cc + 2 * c**3,
    ]
    scale = [size[0] ** i * size[1] ** j for i, j in POWERS]
    return Moments(charge, np.stack(second, -1) * scale[3:6], np.stack(third, -1) * scale[6:])


def principal_axes(moments: Mapping[str, Moments]) -> Floats:
    """Return the principal axis of the charge in the canonical frame, (N, 3), from moments of some planes.

    The second moments of tick t and channel u, v, w are linear in those of x', y', z'. Redundant planes are
    averaged, and moments that no plane measures (y' on X alone) are taken as small as possible, by the pseudo-inverse.
    The widths of pulse and pitch are subtracted first. NaN where a plane is empty.

    The sign is that of the skewness, towards the longer tail of the charge. It is no measurement of the head: photons
    leave charge far ahead of an electron, but in images of 16 wires scattering, which makes a track denser towards its
    end, outweighs them, and the sign is wrong in 62 to 72 % of simulated scatters on electrons. Whoever wants a
    direction fits that one bit, as the baseline `principal_axis` does.

    Args:
        moments: moments by plane, "u", "v", "x".
    """
    names = [name for name in PLANES if name in moments]
    inverse = np.linalg.pinv(np.concatenate([plane_moments_of_axis(name) for name in names]))
    blur = np.array([PULSE**2, 0.0, WIRE**2])
    seen = np.concatenate([moments[name].second - blur for name in names], axis=-1)
    good = np.isfinite(seen).all(axis=-1)
    xx, xy, xz, yy, yz, zz = (np.where(good[:, None], seen, 1.0) @ inverse.T).T
    matrix = np.stack([np.stack(row, -1) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))], axis=-2)
    axis = np.linalg.eigh(matrix)[1][..., -1]
    axis *= np.where(skewness(moments, names, axis) < 0, -1.0, 1.0)[:, None]
    axis[~good] = np.nan
    return axis


def plane_moments_of_axis(name: str) -> Floats:
    """Return how tick-tick, tick-channel and channel-channel of a plane follow from xx, xy, xz, yy, yz, zz, (3, 6)."""
    tick, wire = PROJECTION[3], PROJECTION[PLANES.index(name)]
    rows = []
    for one, two in ((tick, tick), (tick, wire), (wire, wire)):
        product = np.outer(one, two)
        both = product + product.T - np.diag(np.diag(product))
        rows.append(both[np.triu_indices(3)])
    return np.array(rows)


def skewness(moments: Mapping[str, Moments], names: list[str], axis: Floats) -> Floats:
    """Return the third moment along the axes as the planes see them, summed over the planes [cm3]."""
    total = np.zeros(len(axis))
    for name in names:
        plane = PLANES.index(name)
        cm = np.array([1 / TICKS_PER_CM, PITCH[plane]])
        t, c = axis @ PROJECTION[3] * cm[0], axis @ PROJECTION[plane] * cm[1]
        length = np.maximum(np.hypot(t, c), 1e-12)
        t, c = t / length, c / length
        along = np.stack([t**3, 3 * t * t * c, 3 * t * c * c, c**3], axis=-1) * [
            cm[0] ** (3 - j) * cm[1] ** j for j in range(4)
        ]
        total += np.nan_to_num((moments[name].third * along).sum(axis=-1))
    return total
