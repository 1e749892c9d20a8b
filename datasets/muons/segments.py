"""Straight segments in single stations: which side of its wire a muon passed in every drift tube, and a line fit."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

MOST_TUBES = 8
"""Tubes of one segment; all 256 choices of sides are tried at once. Further tubes are left out."""
FEWEST_TUBES = 3
"""With fewer tubes every choice of sides fits, and a tube only says that it was hit."""
LEAST_SPREAD = 1.0
"""Depth [mm] below which the hits of a segment give no slope."""


class Lines(NamedTuple):
    """A line in each of G segments: it passes the depth `depth` at `place` [mm] with `slope`; NaN without a hit."""

    depth: Floats
    place: Floats
    slope: Floats


def fit_lines(group: Places, groups: int, depth: Floats, place: Floats, variance: Floats) -> Lines:
    """Return least-squares lines place(depth) of hits (M,) that belong to segments `group` (M,) of `groups`.

    A segment whose hits are at one depth gets the slope NaN.
    """

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(group, values, groups), np.float64)

    weight = 1.0 / variance
    norm = total(weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle, mean = total(weight * depth) / norm, total(weight * place) / norm
        away = depth - middle[group]
        spread = total(weight * away**2)
        slope = np.where(spread > norm * LEAST_SPREAD**2, total(weight * away * place) / spread, np.nan)
    return Lines(middle, mean, slope)


def tube_crossings(group: Places, groups: int, depth: Floats, wire: Floats, radius: Floats, slope: Floats) -> Floats:
    """Return where muons passed drift tubes, (M,) [mm]: wire +- radius, the sides that fit a straight line best.

    Every choice of sides of at most 8 tubes is tried. With P the projector on what a line cannot fit, w the wires and
    S r the radii with their signs, chi^2 = (w + S r)' P (w + S r).

    Args:
        group: segment of each tube, (M,).
        groups: number of segments, G.
        depth: of the wires, at right angles to the chamber [mm].
        wire: along the chamber [mm].
        radius: drift radius, measured at right angles to the muon [mm].
        slope: of the muon in each segment, roughly, (G,): the radius in the plane of the wires is longer by 1 / cos.

    Returns:
        The places; NaN for a tube that is one too many, or of a segment with fewer than 3 tubes.
    """
    order = np.argsort(group, kind="stable")
    count = np.bincount(group, minlength=groups)
    column = np.empty(len(group), np.intp)
    column[order] = np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)
    usable = (column < MOST_TUBES) & (count[group] >= FEWEST_TUBES)
    some, row = np.unique(group[usable], return_inverse=True)
    at = row, column[usable]
    there, u, w, r = (np.zeros((len(some), MOST_TUBES)) for _ in range(4))
    there[at] = 1.0
    u[at], w[at] = depth[usable], wire[usable]
    r[at] = radius[usable] * np.sqrt(1.0 + slope[group[usable]] ** 2)
    sides = best_sides(there, u, w, r)
    places = np.full(len(group), np.nan)
    places[usable] = w[at] + sides[at] * r[at]
    return places


def best_sides(there: Floats, u: Floats, w: Floats, r: Floats) -> Floats:
    """Return the sides -1 or 1 of the tubes in each segment, (G, 8), that fit a straight line best.

    Arguments (G, 8): whether there is a tube, its depth u, wire w and radius r, as of `tube_crossings`.
    """
    number = np.maximum(there.sum(axis=1, keepdims=True), 1.0)
    away = (u - (there * u).sum(axis=1, keepdims=True) / number) * there
    level = (w - (there * w).sum(axis=1, keepdims=True) / number) * there
    spread = np.maximum((away**2).sum(axis=1), LEAST_SPREAD**2)[:, None, None]
    free = there[:, :, None] * (np.eye(MOST_TUBES) - there[:, None, :] / number[:, :, None])
    free -= away[:, :, None] * away[:, None, :] / spread
    signs, products = side_choices()
    linear = 2.0 * r * np.einsum("gij,gj->gi", free, level)
    square = (free * r[:, :, None] * r[:, None, :]).reshape(len(u), -1)
    chi2 = linear @ signs.T + square @ products.T
    best: Floats = signs[np.argmin(chi2, axis=1)]
    return best


@cache
def side_choices() -> tuple[Floats, Floats]:
    """Return all choices of sides (256, 8), and their products with themselves (256, 64)."""
    bits = (np.arange(2**MOST_TUBES)[:, None] >> np.arange(MOST_TUBES)) & 1
    signs = np.asarray(2.0 * bits - 1.0, np.float64)
    return signs, (signs[:, :, None] * signs[:, None, :]).reshape(len(signs), -1)
