"""What the simulators of argon share: their options as one value, and shards made from it by all processors."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.types import NonNegative, Positive, PositiveRange, Shared
from app.physics.argon.planes import DRIFT_LENGTH, PLANES, PROJECTION
from datasets.files.shards import write_shard
from datasets.simulate.argon.readout import Electronics, electronics
from datasets.simulate.argon.sources import Neutrinos, neutrinos
from datasets.simulate.argon.tables import Recombination, Tables, tables
from datasets.simulate.engine.event_keys import keys
from datasets.simulate.engine.generator import Generator

Kind = Literal["es", "cc", "mixed"]
Arrays = dict[str, NDArray[Any]]
TASK = 50
"""Events that a thread computes at a time."""


class Flux(Shared):
    """Neutrinos of a supernova.

    Attributes:
        mean_neutrino_energy: of the flux [MeV].
        pinching: of the flux: E^a exp(-(a + 1) E / mean).
    """

    mean_neutrino_energy: Positive = 15.0
    pinching: NonNegative = 3.0


class Readout(Shared):
    """What becomes of the charge until it is an image.

    Attributes:
        drift: range of the distance from the anode [cm], uniform.
        recombination: whether charge is lost where ionisation is dense, or everywhere the same share.
        diffusion: along and across the drift [cm2/s].
        gain: of U, V, X, sum of a pulse's positive half per MeV of a minimum-ionising particle [ADC].
        noise: of a sample of U, V, X [ADC].
        threshold: of U, V, X [ADC].
    """

    drift: PositiveRange = (2.0, 355.0)
    recombination: Recombination = "modified_box"
    diffusion: tuple[NonNegative, NonNegative] = (6.0, 10.0)
    gain: tuple[Positive, Positive, Positive] = (1350.0, 1350.0, 4200.0)
    noise: tuple[NonNegative, NonNegative, NonNegative] = (17.0, 17.0, 14.5)
    threshold: tuple[Positive, Positive, Positive] = (70.0, 70.0, 60.0)


@dataclass(frozen=True)
class Interactions:
    """Which neutrino interactions are simulated and how they are seen; see the simulators for what the options mean."""

    kind: Kind
    elastic_share: float
    energy: tuple[float, float]
    flux: Flux
    readout: Readout

    def __post_init__(self) -> None:
        if self.readout.drift[1] > DRIFT_LENGTH:
            expected = f"<= {DRIFT_LENGTH:g} cm, where the cathode is"
            raise UserError(
                Problem("the drift is too long", ("drift",), expected=expected, received=self.readout.drift[1])
            )

    @property
    def elastic(self) -> float:
        """Share of neutrinos that scatter on electrons."""
        return {"es": 1.0, "cc": 0.0, "mixed": self.elastic_share}[self.kind]

    @property
    def options(self) -> dict[str, Any]:
        """All options side by side."""
        own = {"kind": self.kind, "elastic_share": self.elastic_share, "energy": self.energy}
        return own | self.flux.model_dump() | self.readout.model_dump()

    def neutrinos(self) -> Neutrinos:
        """Return the spectra to draw from."""
        return neutrinos(self.flux.mean_neutrino_energy, self.flux.pinching, self.energy)

    def electronics(self) -> Electronics:
        """Return the constants of the read-out."""
        seen = self.readout
        return electronics(seen.gain, seen.noise, seen.threshold, seen.diffusion)

    def tables(self) -> Tables:
        """Return the tables of the tracking."""
        return tables(self.readout.recombination)


def conventions(rows: str, columns: str) -> dict[str, Any]:
    """Return what has to be known of the frame, for the metadata of a file."""
    return {
        "frame": "canonical",
        "conventions": {
            "x": "distance from the anode",
            "rows": rows,
            "columns": columns,
            "planes": list(PLANES),
            "projection": [[round(value, 6) for value in row] for row in PROJECTION.tolist()],
            "projection_of": "x, y, z [cm] to channels of U, V, X and ticks; both grow with their index in the image",
        },
    }


@dataclass(frozen=True)
class ArgonGenerator(Generator):
    """Shards of arrays, made event by event from the key of each."""

    physics: Interactions

    @abstractmethod
    def arrays(self, shard: int, key: NDArray[np.uint64]) -> tuple[Arrays, dict[str, Any]]:
        """Return arrays and facts of a shard; the key of an event is the beginning of its random numbers."""

    def write(self, path: Path, shard: int, rows: int, metadata: dict[str, Any]) -> None:
        """Make one shard with `rows` events."""
        key = keys(self.seed, self.stream(), shard, rows)
        arrays, facts = self.arrays(shard, key)
        write_shard(path, arrays | {"key": key}, metadata | facts)


def in_threads(work: Callable[[int, int], Any], count: int) -> list[Any]:
    """Return work(first, last) of consecutive ranges in order, done by as many threads as there are processors."""
    ranges: Sequence[tuple[int, int]] = [(first, min(first + TASK, count)) for first in range(0, count, TASK)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(lambda task: work(*task), ranges))
