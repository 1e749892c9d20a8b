"""Hashes of events: they decide in which split an event is, whatever file it stands in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.events import Array


def mix(values: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Return splitmix64 hashes of `values`, a different family for each seed.

    References:
        G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators, doi:10.1145/2660193.2660195.
    """
    golden = 0x9E3779B97F4A7C15
    z = values + np.uint64((golden * (2 * seed + 1)) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hash_rows(arrays: Sequence[Array]) -> NDArray[np.uint64]:
    """Return a key per row from the bytes of its values: equal rows get equal keys, whatever file they stand in.

    Args:
        arrays: single columns (N,), or several side by side, (N, C).
    """
    key = np.zeros(len(arrays[0]), np.uint64)
    for position, column in enumerate(column for values in arrays for column in np.atleast_2d(np.asarray(values).T)):
        bits = (np.asarray(column, np.float64) + 0.0).view(np.uint64)  # + 0.0 because -0.0 equals 0.0
        key = mix(key ^ bits, position)
    return key


def part_of(key: NDArray[np.uint64], seed: int, train: float, validation: float) -> NDArray[np.intp]:
    """Return 0, 1 or 2 (train, validation, test) for each key, with the given shares of the first two."""
    uniform = mix(key, seed) / 2.0**64
    return np.searchsorted(np.cumsum([train, validation]), uniform, side="right")


def hash_text(text: str) -> np.uint64:
    """Return 64 bits that stand for a text."""
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))


def hash_images(images: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a key per image (N, ...) from the bits of all its pixels; equal images get equal keys exactly."""
    flat = images.reshape(len(images), int(np.prod(images.shape[1:])))
    place = mix(np.arange(flat.shape[1], dtype=np.uint64), 1) | np.uint64(1)
    key = np.empty(len(flat), np.uint64)
    for first in range(0, len(flat), 1024):  # 64-bit copies of many images would take memory
        bits = np.ascontiguousarray(flat[first : first + 1024]).view(np.uint32)
        key[first : first + 1024] = bits.astype(np.uint64) @ place
    return mix(key, 3)
