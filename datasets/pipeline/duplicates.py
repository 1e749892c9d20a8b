"""Events that occur twice, in a block or between blocks: a shard listed twice, a merged file beside its parts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError
from datasets.pipeline.event_hash import mix

KEPT = 2**21
"""About so many keys (at most twice as many) are remembered between blocks: 16 to 32 MB."""
Keys = NDArray[np.uint64]


@dataclass
class Duplicates:
    """Sees every block once and refuses a key that it has seen.

    Within a block the check is exact. Between blocks it is exact up to 2 * KEPT events; of more, a fixed share chosen
    by the hash of the key is compared, so that files that overlap are found but a single repeated event may not be.

    Args:
        rows: events in all blocks.
    """

    rows: int
    seen: list[tuple[Place, Keys]] = field(default_factory=list)
    every: Keys = field(default_factory=lambda: np.empty(0, np.uint64))

    def check(self, key: Keys, place: Place) -> None:
        """Compare a block with itself and with those before it; raises UserError naming both places."""
        values, first, number = np.unique(key, return_index=True, return_counts=True)
        repeated = number > 1
        if repeated.any():
            extra, row = int((number[repeated] - 1).sum()), int(first[repeated].min())
            what = f"{extra} rows are duplicates, the first of row {row}"
            raise UserError(Problem(what, place, expected="every event once"))
        self._check_against_earlier(values, place)

    def _check_against_earlier(self, values: Keys, place: Place) -> None:
        share = max(1, self.rows // KEPT)
        sample = values if share == 1 else values[mix(values, 0) % np.uint64(share) == 0]
        repeated = sample[_contained(sample, self.every)]
        if len(repeated):
            other = next(p for p, keys in self.seen if _contained(repeated[:1], keys).any())
            number = len(repeated) if share == 1 else f"about {share * len(repeated)}"
            what = f"{number} of its events stand in {other[0]} as well"
            raise UserError(Problem(what, place, expected="every event once"))
        self.seen.append((place, sample))
        self.every = np.sort(np.concatenate([self.every, sample]), kind="stable")


def _contained(values: Keys, ordered: Keys) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(values), bool)
    near = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[near] == values)
