"""The simulator of volume images: sparse pixels, what is said about events, and that nothing else matters."""

import os

import numpy as np
import pytest

from app.core.errors import UserError
from datasets.files.merge import merge
from datasets.simulate.argon import options as argon_options

SMALL = {"name": "volume_images", "events": 90, "shard_size": 50, "seed": 3}


@pytest.fixture(scope="module")
def default(simulate, tmp_path_factory):
    out = tmp_path_factory.mktemp("volumes")
    return out, simulate(out)


def event_of(shard):
    return np.repeat(np.arange(len(shard["event"])), np.diff(shard["offsets"]))


def test_shards_have_the_documented_form(default):
    for shard, rows in zip(default[1], (50, 40), strict=True):
        pixels = len(shard["value"])
        one, three, each = (rows,), (rows, 3), (pixels,)
        assert {n: (a.dtype.name, a.shape) for n, a in shard.items() if n != "metadata"} == {
            "plane": ("uint8", each),
            "row": ("int16", each),
            "column": ("int16", each),
            "value": ("float32", each),
            "offsets": ("int64", (rows + 1,)),
            "event": ("int64", one),
            "source_file": ("int32", one),
            "is_es": ("int8", one),
            "particle_energy": ("float32", one),
            "cluster_energy": ("float32", one),
            "main_track_momentum": ("float32", three),
            "neutrino_momentum": ("float32", three),
            "n_clusters": ("int32", one),
            "center_channel": ("float32", three),
            "center_tick": ("float32", three),
            "match_id": ("int64", one),
            "key": ("uint64", one),
        }
        assert (shard["offsets"][0], shard["offsets"][-1]) == (0, pixels)
    assert np.concatenate([shard["event"] for shard in default[1]]).tolist() == list(range(90))


def test_pixels_lie_inside_and_none_comes_twice(default):
    shard = default[1][0]
    row, column = shard["row"].astype(np.int64), shard["column"].astype(np.int64)
    assert (row.min() >= 0, row.max() < 208, column.min() >= 0, column.max() < 1242) == (True,) * 4
    assert set(shard["plane"]) == {0, 1, 2}
    number = ((event_of(shard) * 3 + shard["plane"]) * 208 + row) * 1242 + column
    assert len(np.unique(number)) == len(number)
    assert (shard["value"] > 0).all()


def test_the_main_track_lies_in_the_middle(default):
    shard = default[1][0]
    near = (np.abs(shard["row"] - 103.5) < 16) & (np.abs(shard["column"] - 620.5) < 64) & (shard["plane"] == 2)
    energy = np.bincount(event_of(shard)[near], shard["value"][near], minlength=50) / 3600
    assert np.median(energy / shard["particle_energy"] / 1e3) == pytest.approx(0.95, abs=0.1)
    assert np.median(shard["cluster_energy"] / shard["particle_energy"] / 1e3) == pytest.approx(0.95, abs=0.1)


def test_images_are_nearly_empty_and_show_several_clusters(default):
    shard = default[1][0]
    filled = np.bincount(event_of(shard) * 3 + shard["plane"], minlength=150).reshape(50, 3)
    assert (np.median(filled, axis=0) > [40, 40, 120]).all()
    assert (filled.max(axis=0) < 1500).all()
    assert shard["n_clusters"].max() > 2


def test_gammas_make_more_clusters_in_charged_currents(simulate, tmp_path):
    (whole,) = simulate(tmp_path, events=300, shard_size=300, energy=[8.0, 15.0], activity=0.0)
    es = whole["is_es"] == 1
    assert es.mean() == pytest.approx(0.5, abs=0.12)
    assert whole["n_clusters"][~es].mean() > whole["n_clusters"][es].mean() + 0.7


def test_decays_add_pixels_as_the_activity_says(simulate, tmp_path):
    """19 decays of argon-39 in what X sees: 6 m3 for 0.62 ms; each leaves 0.22 MeV, less recombination."""
    exact = {"kind": "es", "energy": [5.0, 7.0], "noise": [0.0, 0.0, 0.0], "threshold": [1.0, 1.0, 1.0]}
    quiet, active = (
        simulate(tmp_path / str(a), events=150, shard_size=150, activity=a, **exact)[0] for a in (0.0, 1.01)
    )
    charge = [s["value"][s["plane"] == 2].sum(dtype=float) / 150 for s in (quiet, active)]
    assert (charge[1] - charge[0]) / 4200 == pytest.approx(19.1 * 0.22 * 0.86, rel=0.1)


def test_momenta_belong_together(default):
    shard = default[1][0]
    es = shard["is_es"] == 1
    momentum, neutrino = shard["main_track_momentum"].astype(float), shard["neutrino_momentum"].astype(float)
    energy = np.sqrt((momentum**2).sum(axis=1) + 0.51099895e-3**2)
    assert energy == pytest.approx(shard["particle_energy"], rel=1e-5)
    cosine = (momentum * neutrino).sum(axis=1) / np.linalg.norm(momentum, axis=1) / np.linalg.norm(neutrino, axis=1)
    assert cosine[es].min() > 0.9
    assert cosine[~es].min() < 0


def test_content_depends_on_seed_shard_and_options_alone(simulate, default, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(argon_options, "TASK", 7)
    again = simulate(tmp_path / "again", events=50)
    assert all(np.array_equal(again[0][n], default[1][0][n]) for n in again[0] if n != "metadata")
    other = simulate(tmp_path / "other", events=20, seed=4)
    assert not np.isin(other[0]["key"], again[0]["key"]).any()


def test_what_is_missing_is_made_again(simulate, default, tmp_path):
    first = default[0] / "shard_00000.npz"
    (tmp_path / first.name).write_bytes(first.read_bytes())
    before = (tmp_path / first.name).stat().st_mtime_ns
    simulate(tmp_path)
    assert (tmp_path / first.name).stat().st_mtime_ns == before
    assert (tmp_path / "shard_00001.npz").read_bytes() == (default[0] / "shard_00001.npz").read_bytes()


def test_sparse_shards_are_not_merged(default, tmp_path):
    with pytest.raises(UserError, match="holds sparse images, which are not merged"):
        merge(sorted(default[0].glob("*.npz")), tmp_path / "all.npz")
