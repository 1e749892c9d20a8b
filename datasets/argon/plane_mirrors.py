"""Mirror images of clusters: other events that are physically as likely, with the direction mirrored too.

In the canonical frame u = (s y + c z) / pitch, v = (s y - c z) / pitch, w = z / pitch, t = x / step, so that

    x -> -x  turns all images upside down in time,
    z -> -z  exchanges U and V and reverses the channels of X,
    y -> -y  exchanges U and V and reverses the channels of both.

The second and third need both of U and V, or neither: with one of them only both at once are possible, which reverse
all channels. Not exact: diffusion grows along the drift, the positive lobe on U and V comes first, and gains of U and V
may differ (by 13 % in DUNE's full simulation); all are small compared with the effect of a track.
"""

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
        """The mirrors that an event may get, all with equal probability."""
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
            for name, values in mirror_images({n: events.inputs[n][rows] for n in inputs}, choice).items():
                inputs[name][rows] = values
        columns: dict[str, Any] = dict(events.columns)
        for axis, flip in zip("xyz", flips.T, strict=True):
            for vector in VECTORS:
                name = vector.format(axis)
                if name in columns:
                    columns[name] = np.where(flip, -columns[name], columns[name])
        if {"charge_u", "charge_v"} <= columns.keys():
            exchanged = flips[:, 1] != flips[:, 2]
            u, v = columns["charge_u"], columns["charge_v"]
            columns["charge_u"], columns["charge_v"] = np.where(exchanged, v, u), np.where(exchanged, u, v)
        return Events(inputs, columns, events.key)


def mirror_images(images: Mapping[str, Any], flips: Flips) -> dict[str, Any]:
    """Return images (N, ticks, channels) by plane_u, plane_v, plane_x of the mirrored events."""
    x, y, z = flips
    mirrored = dict(images)
    if y != z and "plane_u" in mirrored:
        mirrored["plane_u"], mirrored["plane_v"] = mirrored["plane_v"], mirrored["plane_u"]
    for name in mirrored:
        if z if name == "plane_x" else y:
            mirrored[name] = mirrored[name][:, :, ::-1]
        if x:
            mirrored[name] = mirrored[name][:, ::-1]
    return mirrored
