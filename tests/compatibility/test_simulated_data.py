"""Simulated data of version 0.1.0 are made again: equal seeds and options give bitwise equal shards.

The hashes in tests/data/v0_1/simulated.json were computed by the code of version 0.1.0. Where the processor, its
mathematical functions or NumPy are others than those of the recording, sums of single columns are compared instead.
"""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from datasets import SIMULATORS

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "v0_1" / "simulated.json").read_text())
ROUNDING = 1e-3
"""Largest relative difference of a column's mean absolute value between two processors."""
DISCRETE = 0.02
"""The same for columns in which rounding may move a pixel or a hit."""


def machine():
    """Return what must be equal for simulated data to be bitwise equal."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = dict(re.findall(r"^(\w[\w ]*\w)\s*: (.*)$", text, re.MULTILINE))
    return {
        **{name: version(name) for name in ("numpy", "numba", "llvmlite")},
        "cpu": [lines.get(name, "") for name in ("vendor_id", "cpu family", "model")],
        "flags": sorted(
            flag for flag in lines.get("flags", "").split() if re.match(r"avx|amx|fma|f16c|sse4|bmi", flag)
        ),
    }


def read_arrays(path):
    """Return the arrays of a shard by name, lists of records as their counts and their values; and the metadata."""
    if path.suffix == ".npz":
        with np.load(path) as content:
            arrays = {name: content[name] for name in content.files}
        name = "metadata_json" if "metadata_json" in arrays else "metadata"
        return arrays, str(arrays.pop(name))
    with uproot.open(path) as file:
        tree = next(file[name] for name in file.keys() if hasattr(file[name], "arrays"))  # noqa: SIM118
        branches, metadata = tree.arrays(), str(file["metadata"])
    arrays = {}
    for name in branches.fields:
        values = branches[name]
        if "var" in str(values.type):
            arrays[f"{name}#n"], values = ak.to_numpy(ak.num(values)), ak.flatten(values)
        arrays[name] = ak.to_numpy(values)
    return arrays, metadata


def describe_array(values):
    """Return type, shape, hash of the bytes, and the mean absolute value of what is finite."""
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    sha256 = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    mean = float(f"{finite.mean():.9g}") if finite.size else 0.0
    return [str(values.dtype), list(values.shape), sha256, mean]


def describe_shards(folder):
    """Return {"shard/array": description, "shard/metadata": text} of all shards of a folder."""
    described = {}
    for path in sorted(folder.glob("shard_*")):
        arrays, metadata = read_arrays(path)
        described |= {f"{path.name}/{name}": describe_array(values) for name, values in arrays.items()}
        described[f"{path.name}/metadata"] = metadata
    return described


@pytest.mark.parametrize("case", sorted(RECORDED["cases"]))
def test_equal_options_give_the_data_of_version_0_1(case, tmp_path):
    options, expected = RECORDED["cases"][case]["options"], RECORDED["cases"][case]["shards"]
    SIMULATORS.parse(options).build(tmp_path)
    found = describe_shards(tmp_path)
    assert list(found) == list(expected)
    if machine() == RECORDED["machine"]:
        assert found == expected
        return
    for name, (kind, shape, _, mean) in ((n, v) for n, v in expected.items() if not n.endswith("/metadata")):
        assert found[name][0] == kind, name
        assert len(found[name][1]) == len(shape), name
        exact = name.endswith("/key")
        assert found[name][3] == pytest.approx(mean, rel=0 if exact else ROUNDING if "track" in case else DISCRETE), (
            name
        )
