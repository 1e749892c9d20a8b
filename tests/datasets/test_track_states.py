"""Track states from npz files and ROOT trees, and what the loader refuses."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from app.core.files import find_files
from datasets import DATASETS
from datasets.pipeline.split import split

DATASET = "track_states"

C = 0.299792458


def arrays(columns, z_start=2665.0):
    """The arrays of a shard."""
    start = np.broadcast_to(np.asarray(z_start, np.float64), columns["dz"].shape)
    return {
        "X": np.stack([columns[n] for n in ("x", "y", "tx", "ty", "qop", "dz")], -1),
        "Y": np.stack([columns[f"true_{n}"] for n in ("x", "y", "tx", "ty")], -1),
        "P": columns["p"],
        "Z": np.stack([start, start + columns["dz"]], -1),
    }


@pytest.fixture
def npz(tmp_path):
    """Write arrays as an npz and return its path."""

    def write(content, name="tracks.npz", **more):
        np.savez(tmp_path / name, **(content | more))
        return tmp_path / name

    return write


def test_our_file_is_read_as_it_stands(load, npz, tracks):
    columns = tracks()
    key = np.arange(20, dtype=np.uint64) * 7
    facts = {"dataset": "track_states", "field": {"name": "uniform"}}
    source, (events,) = load(npz(arrays(columns), key=key, metadata=np.array(json.dumps(facts))))
    names = [c.name for c in source.inputs["state"].columns]
    assert names == ["x", "y", "tx", "ty", "qop", "dz"]
    assert [c.unit for c in source.inputs["state"].columns] == ["mm", "mm", "", "", "1/GeV", "mm"]
    for i, name in enumerate(names):
        assert np.array_equal(events.inputs["state"][:, i], columns[name].astype(np.float32))
    for name in ("x", "y", "tx", "ty"):
        assert np.array_equal(events.columns[name], columns[f"true_{name}"].astype(np.float32))
    assert np.array_equal(events.columns["p"], columns["p"].astype(np.float32))
    assert np.array_equal(events.key, key)
    assert (source.rows, source.description, source.facts) == (20, "20 tracks in 1 file", facts)
    assert {n: c.unit for n, c in (source.targets | source.extras).items()} == {
        **{"x": "mm", "y": "mm", "tx": "", "ty": ""},
        "p": "GeV",
    }


def test_shards_of_a_pattern_are_blocks_in_order(load, npz, tmp_path, tracks):
    for number in (1, 0, 2):
        npz(arrays(tracks(5 + number, seed=number)), f"shard_{number}.npz")
    source, blocks = load(tmp_path / "shard_*.npz")
    assert [len(b) for b in blocks] == [5, 6, 7]
    assert source.files == [str(tmp_path / f"shard_{n}.npz") for n in range(3)]
    assert source.description == "18 tracks in 3 files"


def test_large_files_are_several_blocks(load, the_events, npz, monkeypatch, tracks):
    whole = the_events(npz(arrays(tracks(25))))
    monkeypatch.setattr("datasets.tracks.files.ROWS_PER_BLOCK", 10)
    source, blocks = load(npz(arrays(tracks(25))))
    assert [len(b) for b in blocks] == [10, 10, 5]
    assert np.array_equal(np.concatenate([b.inputs["state"] for b in blocks]), whole.inputs["state"])
    assert np.array_equal(np.concatenate([b.key for b in blocks]), whole.key)
    assert source.rows == 25


def test_a_foreign_npz_is_read_by_configuration_alone(the_events, npz, tracks):
    columns = tracks()
    ours = arrays(columns)
    theirs = {"X_plane": ours["X"][:, :5] * [1, 1, 1, 1, C], "Y_true": np.c_[ours["Y"], ours["X"][:, 4]]}
    options = {"start": "X_plane", "end": "Y_true", "qop_unit": "c/GeV", "z": [2665, 7826]}
    events = the_events(npz(theirs, "theirs.npz"), **options)
    same = the_events(npz(ours))
    np.testing.assert_allclose(events.inputs["state"], same.inputs["state"], rtol=1e-6)
    np.testing.assert_allclose(events.columns["p"], columns["p"], rtol=1e-6)


def test_the_key_of_a_foreign_row_is_its_values(the_events, npz, tmp_path, tracks):
    content = {name: array for name, array in arrays(tracks(200)).items() if name != "P"}
    backwards = {name: array[::-1] for name, array in content.items()}
    one, other = the_events(npz(content)), the_events(npz(backwards, "backwards.npz"))
    assert len(set(one.key.tolist())) == 200
    assert np.array_equal(one.key, other.key[::-1])


@pytest.mark.parametrize(("unit", "factor"), [("1/GeV", 1.0), ("1/MeV", 1e-3), ("c/GeV", C)])
def test_units_of_qop(refused, the_events, npz, unit, factor, tracks):
    columns = tracks()
    content = arrays(columns | {"qop": columns["qop"] * factor})
    np.testing.assert_allclose(the_events(npz(content), qop_unit=unit).inputs["state"][:, 4], columns["qop"], rtol=1e-6)
    if factor != 1.0:
        hint = rf"the median, so q/p is not in 1/GeV; 'qop_unit': '{unit}' in the dataset may be right"
        refused(hint, npz(content))


def test_inverse_mev_is_refused_without_a_momentum_column_too(refused, npz, tracks):
    columns = tracks()
    content = arrays(columns | {"qop": columns["qop"] / 1000})
    del content["P"]
    refused(r"1/\|q/p\| is .* GeV in the median; is q/p in 1/MeV\? Then say 'qop_unit': '1/MeV'", npz(content))


def test_momenta_in_mev_are_refused(refused, npz, tracks):
    columns = tracks()
    refused("or the momentum column is in MeV", npz(arrays(columns | {"p": 1000 * columns["p"]})))
    refused(r"= 2 in the median, so .* another 'qop_unit'", npz(arrays(columns | {"p": 2 * columns["p"]})))


def test_rows_that_are_not_finite_stop_or_are_dropped_as_asked(load, refused, npz, caplog, tracks):
    columns = tracks()
    columns["true_x"][3], columns["ty"][7] = np.nan, np.inf
    path = npz(arrays(columns))
    refused("1 of 20 rows of 'ty' are not finite, the first at row 7. Expected finite values, or 'on_invalid'", path)
    with caplog.at_level(logging.WARNING):
        source, (events,) = load(path, on_invalid="drop")
        again = next(iter(source))
    assert len(events) == len(again) == 18
    assert [r.getMessage() for r in caplog.records] == [f"{path}: 2 of 20 rows are not finite and were dropped"]
    np.testing.assert_array_equal(events.columns["y"], np.delete(columns["true_y"], [3, 7]).astype(np.float32))


def test_a_block_without_a_finite_row_is_an_empty_block(the_events, npz, tracks):
    columns = tracks(4)
    columns["x"][:] = np.nan
    assert len(the_events(npz(arrays(columns)), on_invalid="drop")) == 0


def test_duplicates_within_a_file_are_refused(refused, npz, tracks):
    content = {name: np.concatenate([array, array[5:8]]) for name, array in arrays(tracks()).items()}
    refused("3 rows are duplicates, the first of row 5. Expected every event once", npz(content))


def test_a_merged_file_beside_its_parts_is_refused(refused, npz, tracks):
    one = npz(arrays(tracks(20)), "one.npz")
    more = arrays(tracks(10, seed=2))
    both = npz({name: np.concatenate([a, more[name]]) for name, a in arrays(tracks(20)).items()}, "both.npz")
    refused(f"both.npz: 20 of its events are also in {one}", one, both)
    refused(f"one.npz: 20 of its events are also in {one}", one, one)


def test_a_streamed_file_is_checked_once_and_read_again(load, npz, tracks):
    source, _ = load(npz(arrays(tracks())))
    assert [len(b) for b in source] == [20]


def test_a_varying_z_start_must_be_an_input(load, refused, npz, tracks):
    columns, z = tracks(), np.linspace(2000, 3000, 20)
    path = npz(arrays(columns, z))
    refused("z_start varies from 2000 to 3000 mm but is no input.*'z_start': true", path)
    source, (events,) = load(path, z_start=True)
    assert [c.name for c in source.inputs["state"].columns][6:] == ["z_start"]
    assert source.inputs["state"].shape == (7,)
    assert np.array_equal(events.inputs["state"][:, 6], z.astype(np.float32))


def test_files_with_unequal_z_start_are_refused_together(refused, npz, tracks):
    files = [npz(arrays(tracks(seed=z), float(z)), f"{z}.npz") for z in (2665, 2700)]
    refused("2700.npz: z_start varies from 2665 to 2700 mm", *files)


def test_planes_that_contradict_the_file_are_refused(refused, the_events, npz, tracks):
    path = npz(arrays(tracks()))
    assert len(the_events(path, z=[2665, 7826])) == 20
    refused(
        "the file stores another z_start than 'z' in the dataset says. Expected z_start = 2600 mm", path, z=[2600, 7761]
    )
    content = {name: array for name, array in arrays(tracks()).items() if name != "Z"}
    refused("the file stores another dz than 'z'", npz(content), z=[2665, 7800])


def test_shards_of_two_fields_are_refused(load, refused, npz, tracks):
    def shard(name, seed, **facts):
        text = json.dumps({"dataset": "track_states", "field": {"name": "map", "file": name}, **facts})
        return npz(arrays(tracks(seed=seed)), name, metadata=np.array(text))

    refused("b.npz: 'field' in the metadata differs from that of .*a.npz", shard("a.npz", 1), shard("b.npz", 2))
    moved = [shard("a.npz", 1, field_sha256="12ab"), shard("b.npz", 2, field_sha256="12ab")]
    assert len(load(*moved)[1]) == 2


@pytest.mark.parametrize("metadata", [np.array("no JSON"), np.array("[1]"), np.arange(3), np.array([{}], object)])
def test_somebody_elses_metadata_are_ignored(load, npz, metadata, tracks):
    assert load(npz(arrays(tracks()), metadata=metadata))[0].facts == {}


def test_streaming_and_in_memory_splits_agree(npz, tmp_path, tracks):
    for number in range(3):
        npz(arrays(tracks(50, seed=number)), f"shard_{number}.npz")
    files = str(tmp_path / "shard_*.npz")
    found = []
    for streaming in (False, True):
        spec = DATASETS.parse({"name": "track_states", "files": files, "streaming": streaming})
        part = split(spec.build(find_files(spec.options.files)), spec.options).train
        found.append(np.concatenate([next(part.windows(4)).inputs["state"] for _ in range(2)]))
    assert np.array_equal(*found)
