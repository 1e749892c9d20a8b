"""Shards of simulated data: what a file holds in addition to the events."""

import re

import numpy as np

from datasets.files import shards


def test_the_size_of_a_root_shard_does_not_depend_on_machine_and_process(tmp_path):
    """A ROOT file holds the name that it was written under, and the fingerprint of data its size."""
    path = tmp_path / "shard_00000.root"
    shards.write_root_shard(path, "events", {"x": np.dtype("f8")}, [{"x": np.arange(3.0)}], {"seed": 1})
    names = set(re.findall(rb"[.]shard_00000[.]root[.][^\0]*?[.]part", path.read_bytes()))
    assert len(names) >= 1
    assert all(re.fullmatch(rb"[.]shard_00000[.]root[.][0-9a-f]{8}[.]part", name) for name in names)
    assert [each.name for each in tmp_path.iterdir()] == ["shard_00000.root"]
