"""What all simulators share: shards whose content depends on seed, number and options alone, and their metadata."""

import hashlib
import json
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from app.core.interruption import check
from datasets.files.shards import shard_path, unfinished_shards

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Generator(ABC):
    """Everything that the content of a shard depends on, except its number.

    Attributes:
        dataset: name of the simulator.
        version: of its algorithm.
        units: of the columns.
        suffix: of the shards' names.
        row_name: what the rows are, in the plural.
        seed: of the random numbers.
        shard_size: rows of a shard.
    """

    dataset: ClassVar[str]
    version: ClassVar[int]
    units: ClassVar[Mapping[str, Any]]
    suffix: ClassVar[str] = ".npz"
    row_name: ClassVar[str] = "events"

    seed: int
    shard_size: int

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return what rows depend on, without seed and shard size, as JSON."""

    @abstractmethod
    def write(self, path: Path, shard: int, rows: int, metadata: dict[str, Any]) -> None:
        """Write shard number `shard` with `rows` rows; facts about these rows are added to the metadata."""

    def metadata_fields(self) -> dict[str, Any]:
        """Return further metadata that all shards have in common."""
        return {}

    def prepare(self) -> None:  # noqa: B027  (most have nothing to prepare)
        """Do what must be done once, when there is a shard to write."""

    def seed_options(self) -> dict[str, Any]:
        """Return the options by which samples have different random numbers."""
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
        """Return a number that differs between samples, so that two do not share random numbers and keys."""
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
        with show_progress(sum(rows[shard] for shard in todo), self.row_name) as advance:
            for shard in todo:
                check()
                facts = {"shard": shard, "rows": rows[shard]}
                self.write(shard_path(out, shard, self.suffix), shard, rows[shard], metadata | facts)
                advance(rows[shard], f"shard {shard + 1} of {len(rows)}" if len(rows) > 1 else "")


@contextmanager
def show_progress(total: int, row_name: str) -> Iterator[Callable[[int, str], None]]:
    """Yield a function (rows done, what was written) that reports progress: a bar on a terminal, lines in a log."""
    if not sys.stderr.isatty():
        yield lambda _rows, text: log.info("%s written", text) if text else None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(row_name, total=total)
        yield lambda rows, _text: bar.advance(task, rows)
