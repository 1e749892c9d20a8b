"""What all simulators share: shards whose content depends on seed, number and options alone, and what these say."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datasets.files.shards import shard_path, unfinished_shards
from datasets.simulate.engine.progress import progress


@dataclass(frozen=True)
class Generator(ABC):
    """Everything that the content of a shard depends on, beside its number.

    Attributes:
        dataset: name of the simulator.
        version: of its algorithm.
        units: of the columns.
        suffix: of the shards' names.
        rows_are: what a row is called.
    """

    dataset: ClassVar[str]
    version: ClassVar[int]
    units: ClassVar[Mapping[str, Any]]
    suffix: ClassVar[str] = ".npz"
    rows_are: ClassVar[str] = "events"

    seed: int
    shard_size: int

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return what rows depend on, beside seed and shard size, as JSON."""

    @abstractmethod
    def write(self, path: Path, shard: int, rows: int, metadata: dict[str, Any]) -> None:
        """Make shard number `shard` with `rows` rows; what it finds out about them is added to the metadata."""

    def metadata_fields(self) -> dict[str, Any]:
        """Return what else the metadata of all shards say."""
        return {}

    def prepare(self) -> None:  # noqa: B027  (most have nothing to prepare)
        """Do what must be done once, when there is a shard to write."""

    def seed_options(self) -> dict[str, Any]:
        """Return the options by which samples have other random numbers."""
        return self.options() | {"shard_size": self.shard_size}

    def metadata(self) -> dict[str, Any]:
        """Return what all shards must have in common."""
        return {
            "dataset": self.dataset,
            "generator_version": self.version,
            "units": self.units,
            **self.metadata_fields(),
            "seed": self.seed,
            "options": self.options() | {"shard_size": self.shard_size},
        }

    def stream(self) -> int:
        """Return a number that tells samples apart, so that two do not share random numbers and keys."""
        return int.from_bytes(hashlib.sha256(json.dumps(self.seed_options()).encode()).digest()[:8])

    def run(self) -> int:
        """Return a hash of seed and stream, as a run number by which samples do not share events."""
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{self.stream()}".encode()).digest()[:4]) >> 1

    def generate(self, out: Path, total: int) -> None:
        """Write the shards of `total` rows that are not in the folder yet."""
        rows = [min(self.shard_size, total - first) for first in range(0, total, self.shard_size)]
        metadata = self.metadata()
        todo = unfinished_shards(out, rows, metadata, self.suffix)
        if not todo:
            return
        self.prepare()
        with progress(sum(rows[shard] for shard in todo), self.rows_are) as advance:
            for shard in todo:
                facts = {"shard": shard, "rows": rows[shard]}
                self.write(shard_path(out, shard, self.suffix), shard, rows[shard], metadata | facts)
                advance(rows[shard], f"shard {shard + 1} of {len(rows)}")
