"""The segments of a muon as numbers for a network: their deviations from the circle, in units of its bending."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.physics import muon_spectrometer
from datasets.muons.tracks import BARREL, track_of
from datasets.pipeline.events import Column

NAMES = tuple(station.name for station in muon_spectrometer.STATIONS)
WHOLE = (
    Column("bending", "", "log of the circle's curvature times 1 m"),
    Column("sign", "", "of the curvature, 0 without a circle"),
    Column("eta", "", "of the innermost segment"),
    Column("end_cap", "", "stations of the end-caps less those of the barrel"),
    Column("abs_eta", "", "|eta|"),
    Column("across", "rad", "azimuth from the sector's middle"),
)
KINDS = {
    "there": ("", "1: the station has a segment"),
    "place": ("m", "polar angle of the segment's place less that of the innermost one, over the curvature"),
    "angle": ("m", "direction of the segment less the polar angle of its place, over the curvature"),
}
COLUMNS = (*WHOLE, *(Column(f"{kind}_{n}", *words) for kind, words in KINDS.items() for n in NAMES))
LONGEST = 30.0
"""A ratio x [m], limited to this size, becomes asinh(x)."""
ANGLE = 2e-4
"""Curvature k [1/m] below which the angle of a segment is noise: it is divided by k + ANGLE^2 / k."""


def segment_row(features: Sequence[str], hits: NDArray[Any], event: NDArray[Any], events: int) -> NDArray[np.float32]:
    """Return the columns `COLUMNS` of each event, (N, C), 0 where one is not known; arguments as of `track_columns`.

    An angle by which a muon is bent is its curvature times a length that follows from the field and the positions of
    the chambers. The ratio of both is therefore nearly the same at all momenta for every station, and its deviation
    says in which direction the circle is wrong.
    """
    track = track_of(features, hits, event, events)
    polar = np.arctan2(track.r, track.z)
    inner = polar[np.arange(events), np.argmax(track.there, axis=1)][:, None]
    curvature = 1000.0 * track.curvature
    known = np.isfinite(curvature) & (curvature != 0.0)
    divisor = np.where(known, curvature, 1.0)[:, None]
    eta = np.where(track.there.any(axis=1), -np.log(np.tan(np.clip(inner[:, 0], 1e-3, np.pi - 1e-3) / 2.0)), 0.0)
    there = track.there.astype(np.float64)
    whole = (
        np.log(np.abs(divisor[:, 0])),
        np.where(known, np.sign(divisor[:, 0]), 0.0),
        eta,
        there[:, BARREL:].sum(axis=1) - there[:, :BARREL].sum(axis=1),
        np.abs(eta),
        track.phi - track.sector,
    )
    blurred = divisor + ANGLE**2 / divisor
    ratios = []
    for angle, per in ((polar - inner, divisor), (track.theta - polar, blurred)):
        is_known = track.there & np.isfinite(angle)
        ratios.append(np.arcsinh(np.clip(np.where(is_known, angle, 0.0) / per, -LONGEST, LONGEST)))
    row = np.concatenate([np.stack(whole, axis=1), there, *ratios], axis=1)
    return np.where(known[:, None], np.nan_to_num(row), 0.0).astype(np.float32)
