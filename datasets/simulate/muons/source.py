"""Muons at their vertices: momenta, charges, and how many there are in an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.simulate.engine.random_streams import Streams

Floats = NDArray[np.float64]
Interval = tuple[float, float]
Spectrum = Literal["log_uniform", "inverse"]


class Muons(NamedTuple):
    """N muons: the row of their event, their number in it, pt [GeV], eta, phi [rad], charge, vertex (3, N) [mm].

    `streams` holds the random numbers of each.
    """

    event: NDArray[np.int64]
    number: NDArray[np.int64]
    pt: Floats
    eta: Floats
    phi: Floats
    charge: Floats
    vertex: Floats
    streams: Streams

    @property
    def direction(self) -> Floats:
        """Unit vectors (3, N)."""
        across = 1.0 / np.cosh(self.eta)
        return np.stack([across * np.cos(self.phi), across * np.sin(self.phi), np.tanh(self.eta)])

    @property
    def momentum(self) -> Floats:
        """`pt cosh(eta)` [GeV], (N,)."""
        return self.pt * np.cosh(self.eta)


@dataclass(frozen=True)
class Source:
    """Where muons come from.

    Attributes:
        pt: range of the transverse momentum [GeV].
        spectrum: flat in log(pt), or flat in 1/pt.
        eta: range, uniform.
        two_muons: share of events with two muons.
        vertex_spread: standard deviations across and along the beam [mm].
    """

    pt: Interval
    spectrum: Spectrum
    eta: Interval
    two_muons: float
    vertex_spread: tuple[float, float]

    def draw(self, events: Streams) -> Muons:
        """Return the muons of events; those of one event share its vertex and follow each other."""
        several = np.where(events.child(0).uniform() < self.two_muons, 2, 1)
        event = np.repeat(np.arange(len(several)), several)
        number = np.arange(len(event)) - np.repeat(np.cumsum(several) - several, several)
        across, along = self.vertex_spread
        beam = events.child(1)
        vertex = np.stack([across * beam.normal(), across * beam.normal(), along * beam.normal()])
        streams = events.take(event).child(number + 2)
        random = streams.child(0)
        pt, eta = self._pt(random.uniform()), random.uniform(*self.eta)
        phi, charge = random.uniform(-np.pi, np.pi), np.where(random.uniform() < 0.5, -1.0, 1.0)
        return Muons(event, number, pt, eta, phi, charge, vertex[:, event], streams)

    def _pt(self, share: Floats) -> Floats:
        low, high = self.pt
        if self.spectrum == "inverse":
            return 1.0 / (1.0 / low + share * (1.0 / high - 1.0 / low))
        return np.asarray(low * np.exp(share * np.log(high / low)))
