"""Keys of events: hashes that decide in which split an event is, and that find events which occur twice."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError

GOLDEN = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio, odd: the step between the states of splitmix64."""
KEPT = 2**21
"""About so many keys (at most twice as many) are remembered between blocks: 16 to 32 MB."""
REMAINDERS = 2**30
"""Columns of a table are hashed by their position; what float64 leaves of a column, by this number and its position."""
CACHED = 2**14
"""Rows that are hashed at a time."""
EXACT = 2**53
"""float64 holds all integers below this."""
LOW = 2**12 - 1
"""The lowest bits of an integer."""
Keys = NDArray[np.uint64]


def scramble(z: Any) -> Any:
    """Return the one-to-one output function of splitmix64, for uint64 arrays and, compiled, for single numbers.

    Arrays are changed in place: in fresh memory a hash takes twice as long.

    References:
        G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators, doi:10.1145/2660193.2660195.
    """
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def mix(values: Keys, seed: int) -> Keys:
    """Return splitmix64 hashes of `values`, a different family for each seed."""
    hashes: Keys = scramble(values + state(seed))
    return hashes


def state(seed: int) -> np.uint64:
    """Return what splitmix64 adds to a value before it is scrambled."""
    return np.uint64((GOLDEN * (2 * seed + 1)) % 2**64)


def hash_rows(arrays: Sequence[NDArray[Any]]) -> Keys:
    """Return a key per row from the bytes of its values: equal rows get equal keys, whatever file they are in.

    Values are hashed as float64, so that 7 and 7.0 are one. What float64 leaves of an integer above 2^53, or of a long
    double, is hashed after it: event numbers like times in ns since 1970 have a key each.

    Args:
        arrays: single columns (N,), or several side by side, (N, C).
    """
    arrays = [np.asarray(values) for values in arrays]
    keys = np.zeros(len(arrays[0]), np.uint64)
    for first in range(0, len(keys), CACHED):
        _hash_into(keys[first : first + CACHED], [values[first : first + CACHED] for values in arrays])
    return keys


def _hash_into(key: Keys, arrays: Sequence[NDArray[Any]]) -> None:
    """Make the keys of so few rows that they stay in the processor's cache."""
    for position, column in enumerate(column for values in arrays for column in np.atleast_2d(values.T)):
        wide = np.asarray(column, np.float64) + 0.0  # + 0.0 because -0.0 equals 0.0
        key ^= wide.view(np.uint64)
        key += state(position)
        scramble(key)
        rest = remainder(column, wide)
        if rest is not None:
            key[...] = np.where(rest != 0, mix(key ^ rest, REMAINDERS + position), key)


def remainder(values: NDArray[Any], wide: NDArray[np.float64]) -> Keys | None:
    """Return 64 bits of what `wide`, the values as float64, lacks of each value, 0 where it lacks nothing.

    None where nothing can be lost. Of integers it is the difference modulo 2^12: float64 rounds integers of 64 bits by
    at most 2^10.
    """
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        if not len(values) or (values.min() > -EXACT and values.max() < EXACT):
            return None
        lowest = (values & values.dtype.type(LOW)).astype(np.int64)
        bits: Keys = ((lowest - np.fmod(wide, LOW + 1).astype(np.int64)) & LOW).astype(np.uint64)
        return bits if bits.any() else None
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        with np.errstate(invalid="ignore"):
            lost = np.asarray(values - wide, np.float64)
        return np.where(np.isfinite(lost), lost + 0.0, 0.0).view(np.uint64)
    return None


def stored_keys(values: NDArray[Any], place: Place) -> Keys:
    """Return keys that a file holds, in uint64; raises UserError unless they are one integer per event."""
    if values.ndim != 1 or values.dtype.kind not in "iu":
        received = f"{values.dtype} of shape {list(values.shape)}"
        raise UserError(Problem("not keys of events", place, expected="one integer per event", received=received))
    return values.astype(np.uint64)


def hash_text(text: str) -> np.uint64:
    """Return 64 bits that stand for a text."""
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))


def hash_images(images: NDArray[np.float32]) -> Keys:
    """Return a key per image (N, ...) from the bits of all its pixels; equal images get equal keys exactly."""
    flat = images.reshape(len(images), int(np.prod(images.shape[1:])))
    place = mix(np.arange(flat.shape[1], dtype=np.uint64), 1) | np.uint64(1)
    key = np.empty(len(flat), np.uint64)
    for first in range(0, len(flat), 1024):  # 64-bit copies of many images would take memory
        bits = np.ascontiguousarray(flat[first : first + 1024]).view(np.uint32)
        key[first : first + 1024] = bits.astype(np.uint64) @ place
    return mix(key, 3)


def hash_pixels(event: NDArray[np.intp], place: Keys, value: NDArray[Any], events: int) -> Keys:
    """Return a key per sparse image, (events,), from its pixels in whatever order they are.

    Args:
        event: the image of each pixel, (M,).
        place: a number of the pixel in its image, (M,).
        value: of the pixels, (M,), hashed as float32.
        events: number of images.
    """
    bits = np.ascontiguousarray(value, np.float32).view(np.uint32).astype(np.uint64)
    key = np.zeros(events, np.uint64)
    np.add.at(key, event, mix(mix(place, 1) ^ bits, 2))
    return key


def split_numbers(key: Keys, seed: int, train: float, validation: float) -> NDArray[np.intp]:
    """Return 0, 1 or 2 (train, validation, test) for each key, with the given shares of the first two."""
    uniform = mix(key, seed) / 2.0**64
    return np.searchsorted(np.cumsum([train, validation]), uniform, side="right")


def fold_numbers(key: Keys, seed: int, folds: int, fold: int, validation: float) -> NDArray[np.intp]:
    """Return 0, 1 or 2 (train, validation, test) for each key, with one of equal folds of the events as the test split.

    Args:
        key: of the events, (N,).
        seed: of the split.
        folds: how many: each event tests in exactly one of them.
        fold: which one, from 0.
        validation: share of all events.
    """
    place = mix(key, seed) / 2.0**64 * folds
    number = np.minimum(place.astype(np.intp), folds - 1)
    after = (place - (fold + 1)) % folds  # validation is what follows the fold, the last one is followed by the first
    return np.where(number == fold, 2, np.where(after < validation * folds, 1, 0))


@dataclass
class Duplicates:
    """Checks each block once and refuses keys that occurred before.

    Within a block the check is exact. Between blocks it is exact up to 2 * KEPT events; of more, a fixed share chosen
    by the hash of the key is compared, so that files that overlap are found but a single repeated event may not be.

    Args:
        rows: events in all blocks.
        refuse: whether to check at all: what is only predicted may be there twice.
    """

    rows: int
    refuse: bool = True
    blocks: list[tuple[Place, Keys]] = field(default_factory=list)
    every: Keys = field(default_factory=lambda: np.empty(0, np.uint64))

    def check(self, key: Keys, place: Place) -> None:
        """Compare a block with itself and with those before it; raises UserError naming both places."""
        if not self.refuse:
            return
        values = np.sort(key)
        if len(repeated_values(values)):
            _, first, number = np.unique(key, return_index=True, return_counts=True)
            extra, row = len(key) - len(number), int(first[number > 1].min())
            what = f"{extra} rows are duplicates, the first of row {row}"
            raise UserError(Problem(what, place, expected="every event once"))
        share = max(1, self.rows // KEPT)
        sample = values if share == 1 else values[mix(values, 0) % np.uint64(share) == 0]
        every = np.sort(np.concatenate([self.every, sample]), kind="stable")  # merges what is sorted already
        again = repeated_values(every)
        if len(again):
            other = next(p for p, keys in self.blocks if np.isin(again[:1], keys).any())
            count = len(again) if share == 1 else f"about {share * len(again)}"
            what = f"{count} of its events are also in {other[0]}"
            raise UserError(Problem(what, place, expected="every event once"))
        self.blocks.append((place, sample))
        self.every = every


def repeated_values(ordered: Keys) -> Keys:
    """Return the values that occur again in an array that is sorted."""
    again: Keys = ordered[1:][ordered[1:] == ordered[:-1]]
    return again
