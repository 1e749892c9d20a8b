"""Sparse images act like the dense ones that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.pipeline import arrays as sparse_module
from datasets.pipeline.arrays import Sparse, concatenate, cuts, dense, dense_parts, rows_at_once


def made(rows, size=(3, 4, 2), seed=0):
    """Random sparse images, one without a pixel among them, and the dense ones made in another way."""
    random = np.random.default_rng(seed)
    images = np.where(random.random((rows, *size)) < 0.3, random.normal(size=(rows, *size)), 0.0).astype(np.float32)
    images[rows // 2] = 0
    event, index = np.nonzero(images.reshape(rows, -1))
    offsets = np.searchsorted(event, np.arange(rows + 1))
    return Sparse.of(index.astype(np.int32), images.reshape(rows, -1)[event, index], offsets, size), images


def test_it_stands_for_the_dense_images():
    sparse, images = made(7)
    assert sparse.shape == images.shape
    assert len(sparse) == 7
    assert np.array_equal(np.asarray(sparse), images)
    assert np.asarray(sparse).dtype == np.float32
    assert np.array_equal(dense(sparse), images)
    assert dense(images) is images


@pytest.mark.parametrize("rows", [slice(2, 5), slice(None), slice(0, 0), slice(None, 3), [6, 0, 0, 3], []])
def test_rows_are_those_of_the_dense_images(rows):
    sparse, images = made(7)
    rows = rows if isinstance(rows, slice) else np.array(rows, np.intp)
    assert np.array_equal(np.asarray(sparse[rows]), images[rows])


def test_a_mask_chooses_rows():
    sparse, images = made(6)
    mask = np.array([True, False, True, True, False, False])
    assert np.array_equal(np.asarray(sparse[np.flatnonzero(mask)]), images[mask])


def test_parts_are_joined_in_order():
    parts = [made(n, seed=n) for n in (3, 1, 4)]
    assert np.array_equal(np.asarray(concatenate([p[0] for p in parts])), np.concatenate([p[1] for p in parts]))
    assert np.array_equal(concatenate([p[1] for p in parts]), np.concatenate([p[1] for p in parts]))


def test_pixels_named_twice_are_added():
    sparse = Sparse.of(np.array([5, 5], np.int32), np.array([1, 2], np.float32), np.array([0, 2]), (2, 3))
    assert np.asarray(sparse)[0, 1, 2] == 3


def test_dense_parts_are_bounded(monkeypatch):
    sparse, images = made(10)
    monkeypatch.setattr(sparse_module, "AT_ONCE", 3 * 24 * 4)
    assert rows_at_once([sparse]) == rows_at_once([images]) == 3
    assert rows_at_once([sparse, images]) == 1
    parts = list(dense_parts(sparse))
    assert [len(part) for part in parts] == [3, 3, 3, 1]
    assert np.array_equal(np.concatenate(parts), images)
    assert np.array_equal(np.concatenate(list(dense_parts(sparse, 4))), images[:4])
    assert [part is images for part in dense_parts(images, 4)] == [True]


def test_cuts_cover_everything_once():
    assert [(c.start, c.stop) for c in cuts(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert [(c.start, c.stop) for c in cuts(6, 3)] == [(0, 3), (3, 6)]
    assert not list(cuts(0, 3))
