"""Mirror images of clusters: other events that physics makes as often, with the direction mirrored alike.

In the canonical frame u = (s y + c z) / pitch, v = (s y - c z) / pitch, w = z / pitch, t = x / step, so that

    x -> -x  turns all images upside down in time,
    z -> -z  exchanges U and V and reverses the channels of X,
    y -> -y  exchanges U and V and reverses the channels of both.

The second and third need both of U and V, or neither: with one of them only both at once are possible, which reverse
all channels. Not exact: diffusion grows along the drift, the positive lobe on U and V comes first, and gains of U and V
may differ (by 13 % in DUNE's full simulation); all are small beside what a track does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.events import Events

Mirror = Literal["time", "wires"]
VECTORS = ("direction_{}", "axis_{}", "neutrino_{}")
Flips = tuple[bool, bool, bool]
"""Whether x, y, z are mirrored."""


@dataclass(frozen=True)
class Mirrors:
    """Mirrors each event at random; positions stay, for they are where the event was.

    Args:
        planes: which planes the events have.
        mirrors: "time" for x, "wires" for y and z.
    """

    planes: Sequence[str]
    mirrors: Sequence[Mirror]

    @cached_property
    def choices(self) -> list[Flips]:
        """What may happen to an event, each as likely as another."""
        wires: list[tuple[bool, bool]] = [(False, False)]
        if "wires" in self.mirrors:
            seen = set(self.planes)
            if seen == {"x"}:  # it does not see y
                wires += [(False, True)]
            elif {"u", "v"} <= seen:
                wires += [(False, True), (True, False), (True, True)]
            else:
                wires += [(True, True)]
        return [(x, *yz) for x in ((False, True) if "time" in self.mirrors else (False,)) for yz in wires]

    def __call__(self, events: Events, bits: NDArray[np.uint64]) -> Events:
        """Return each event as it is, or one of its mirror images."""
        number = (bits % np.uint64(len(self.choices))).astype(np.intp)
        flips = np.array(self.choices)[number]
        inputs = {name: np.array(values) for name, values in events.inputs.items()}
        for choice in set(map(tuple, flips.tolist())):
            rows = np.flatnonzero((flips == choice).all(axis=1))
            for name, values in mirrored({n: events.inputs[n][rows] for n in inputs}, choice).items():
                inputs[name][rows] = values
        return Events(inputs, _columns(events.columns, flips), events.key)


def mirrored(images: Mapping[str, Any], flips: Flips) -> dict[str, Any]:
    """Return images (N, ticks, channels) by plane_u, plane_v, plane_x of the mirrored events."""
    x, y, z = flips
    found = dict(images)
    if y != z and "plane_u" in found:
        found["plane_u"], found["plane_v"] = found["plane_v"], found["plane_u"]
    for name in found:
        if z if name == "plane_x" else y:
            found[name] = found[name][:, :, ::-1]
        if x:
            found[name] = found[name][:, ::-1]
    return found


def _columns(columns: Mapping[str, Any], flips: NDArray[np.bool_]) -> dict[str, Any]:
    found = dict(columns)
    for axis, flip in zip("xyz", flips.T, strict=True):
        for vector in VECTORS:
            name = vector.format(axis)
            if name in found:
                found[name] = np.where(flip, -found[name], found[name])
    exchanged = flips[:, 1] != flips[:, 2]
    if {"charge_u", "charge_v"} <= found.keys():
        u, v = found["charge_u"], found["charge_v"]
        found["charge_u"], found["charge_v"] = np.where(exchanged, v, u), np.where(exchanged, u, v)
    return found
