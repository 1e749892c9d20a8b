"""Compiled functions work where nothing can be kept: a checkout and a home that cannot be written."""

import runpy
from functools import partial

import pytest
from numba.core import caching

from datasets.photons import readings
from datasets.pipeline.compiled import compile_kept


@pytest.fixture
def nothing_can_be_kept(monkeypatch):
    """numba finds no folder for its cache."""
    cache = getattr(caching, "CacheImpl", None) or caching._CacheImpl  # its name in older versions
    monkeypatch.setattr(cache, "_locator_classes", [])


def test_without_a_folder_to_write_it_is_compiled_every_time(nothing_can_be_kept):
    add = compile_kept(lambda x: x + 1)
    assert add(1) == 2
    assert add.stats.cache_path is None
    nan = partial(compile_kept, fastmath={"nsz"})(lambda x: x * 2.0)
    assert (nan(1.5), nan.targetoptions["fastmath"]) == (3.0, {"nsz"})


def test_readings_of_photons_are_compiled_there_too(nothing_can_be_kept):
    assert runpy.run_path(readings.__file__)["clean"].stats.cache_path is None
