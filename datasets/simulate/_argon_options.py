"""What the simulators of argon share: their options as one value, and shards made from it by all processors."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.physics.argon.planes import DRIFT_LENGTH, PLANES, PROJECTION
from datasets._shard_files import shard_path, unfinished, write_shard
from datasets.simulate._argon_readout import Electronics, electronics
from datasets.simulate._argon_sources import Neutrinos, neutrinos
from datasets.simulate._argon_tables import Recombination, Tables, tables
from datasets.simulate._event_keys import keys
from datasets.simulate._progress import progress

Kind = Literal["es", "cc", "mixed"]
Three = tuple[float, float, float]
Arrays = dict[str, NDArray[Any]]
TASK = 50
"""Events that a thread computes at a time."""


@dataclass(frozen=True)
class Options:
    """Options of neutrinos and read-out; see the simulators for what they mean."""

    kind: Kind
    elastic_share: float
    energy: tuple[float, float]
    mean_neutrino_energy: float
    pinching: float
    drift: tuple[float, float]
    recombination: Recombination
    diffusion: tuple[float, float]
    gain: Three
    noise: Three
    threshold: Three

    def __post_init__(self) -> None:
        if self.drift[1] > DRIFT_LENGTH:
            expected = f"<= {DRIFT_LENGTH:g} cm, where the cathode is"
            raise UserError(Problem("the drift is too long", ("drift",), None, expected, self.drift[1]))

    @property
    def elastic(self) -> float:
        """Share of neutrinos that scatter on electrons."""
        return {"es": 1.0, "cc": 0.0, "mixed": self.elastic_share}[self.kind]

    def neutrinos(self) -> Neutrinos:
        """Return the spectra to draw from."""
        return neutrinos(self.mean_neutrino_energy, self.pinching, self.energy)

    def electronics(self) -> Electronics:
        """Return the constants of the read-out."""
        return electronics(self.gain, self.noise, self.threshold, self.diffusion)

    def tables(self) -> Tables:
        """Return the tables of the tracking."""
        return tables(self.recombination)


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
class Generator(ABC):
    """Everything that the content of a shard depends on, beside its number."""

    seed: int
    shard_size: int

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """Return what all shards must have in common: its `options` are all that the content depends on."""

    @abstractmethod
    def arrays(self, shard: int, key: NDArray[np.uint64]) -> tuple[Arrays, dict[str, Any]]:
        """Return arrays and facts of a shard; the key of an event is the beginning of its random numbers."""

    def options(self, *parts: Any) -> dict[str, Any]:
        """Return dataclasses and dicts as one dict."""
        whole: dict[str, Any] = {}
        for part in parts:
            whole |= part if isinstance(part, dict) else asdict(part)
        return whole | {"shard_size": self.shard_size}

    def write(self, out: Path, events: int) -> None:
        """Write the shards that are not there yet."""
        rows = [min(self.shard_size, events - first) for first in range(0, events, self.shard_size)]
        metadata = self.metadata()
        todo = unfinished(out, rows, metadata)
        text = json.dumps(metadata["options"])
        stream = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        with progress(sum(rows[shard] for shard in todo), "events") as advance:
            for shard in todo:
                key = keys(self.seed, stream, shard, rows[shard])
                arrays, facts = self.arrays(shard, key)
                whole = metadata | {"shard": shard, "rows": rows[shard]} | facts
                write_shard(shard_path(out, shard), arrays | {"key": key}, whole)
                advance(rows[shard], f"shard {shard + 1} of {len(rows)}")


def in_threads(work: Callable[[int, int], Any], count: int) -> list[Any]:
    """Return work(first, last) of consecutive ranges in order, done by as many threads as there are processors."""
    ranges: Sequence[tuple[int, int]] = [(first, min(first + TASK, count)) for first in range(0, count, TASK)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(lambda task: work(*task), ranges))
