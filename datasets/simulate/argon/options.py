"""What the simulators of argon share: options, constants of the readout, and shards made by all processors."""

import math
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.system import cores
from app.core.types import NonNegative, Positive, PositiveRange, Shared
from app.physics.argon.planes import DRIFT_LENGTH, DRIFT_SPEED, PITCH, PLANES, PROJECTION, TICKS_PER_CM
from datasets.files.shards import write_shard
from datasets.simulate.argon.sources import Neutrinos, build_neutrinos
from datasets.simulate.argon.tables import Recombination, Tables, build_tables
from datasets.simulate.engine.generator import Generator
from datasets.simulate.engine.random_streams import event_keys

Kind = Literal["es", "cc", "mixed"]
Arrays = dict[str, NDArray[Any]]
Floats = NDArray[np.float64]
PerPlane = tuple[float, float, float]
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
    """From the charge to an image.

    Attributes:
        drift: range of the distance from the anode [cm], uniform.
        recombination: loss of charge that grows with the density of ionisation, or the same share everywhere.
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


class Electronics(NamedTuple):
    """Constants of the readout of U, V, X, all (3,) or numbers.

    Attributes:
        projection: (4, 3), from canonical positions to channels and ticks.
        gain: sum of a pulse (on U, V of its positive half) per MeV of a minimum-ionising particle [ADC].
        noise: standard deviation of a sample [ADC].
        threshold: a primitive's samples lie above it [ADC].
        tail: probability that noise alone does so.
        along: variance of the drift time per length [ticks2/cm], by diffusion.
        across: variance in units of the pitch squared per length [1/cm], by diffusion.
    """

    projection: Floats
    gain: Floats
    noise: Floats
    threshold: Floats
    tail: Floats
    along: float
    across: Floats


def build_electronics(
    gain: PerPlane, noise: PerPlane, threshold: PerPlane, diffusion: tuple[float, float]
) -> Electronics:
    """Return the constants of the readout.

    Args:
        gain: of U, V, X.
        noise: of U, V, X [ADC].
        threshold: of U, V, X [ADC].
        diffusion: along and across the drift [cm2/s].
    """
    along, across = (2 * d / (DRIFT_SPEED * 1e6) for d in diffusion)  # cm2 per cm of drift
    tail = [0.5 * math.erfc(t / (n * math.sqrt(2))) if n else 0.0 for t, n in zip(threshold, noise, strict=True)]
    values: list[Floats] = [np.array(value, np.float64) for value in (gain, noise, threshold, tail)]
    spread = along * TICKS_PER_CM**2, across / np.array(PITCH) ** 2
    return Electronics(PROJECTION.copy(), values[0], values[1], values[2], values[3], *spread)


@dataclass(frozen=True)
class Interactions:
    """Which neutrino interactions are simulated and how they are read out; the simulators explain the options."""

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
        """All options in one dict."""
        own = {"kind": self.kind, "elastic_share": self.elastic_share, "energy": self.energy}
        return own | self.flux.model_dump() | self.readout.model_dump()

    def build_neutrinos(self) -> Neutrinos:
        """Return the spectra of the neutrinos."""
        return build_neutrinos(self.flux.mean_neutrino_energy, self.flux.pinching, self.energy)

    def build_electronics(self) -> Electronics:
        """Return the constants of the readout."""
        options = self.readout
        return build_electronics(options.gain, options.noise, options.threshold, options.diffusion)

    def build_tables(self) -> Tables:
        """Return the tables of the tracking."""
        return build_tables(self.readout.recombination)


def frame_metadata(rows: str, columns: str) -> dict[str, Any]:
    """Return the metadata that define the frame of images with these rows and columns."""
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
        """Return arrays and facts of a shard; the key of an event seeds its random numbers."""

    def write(self, path: Path, shard: int, rows: int, metadata: dict[str, Any]) -> None:
        """Make one shard with `rows` events."""
        key = event_keys(self.seed, self.stream(), shard, rows)
        arrays, facts = self.arrays(shard, key)
        write_shard(path, arrays | {"key": key}, metadata | facts)


def run_in_threads(work: Callable[[int, int], Any], count: int) -> list[Any]:
    """Return work(first, last) of consecutive ranges in order, computed by as many threads as there are processors."""
    ranges = [(first, min(first + TASK, count)) for first in range(0, count, TASK)]
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(lambda task: work(*task), ranges))
