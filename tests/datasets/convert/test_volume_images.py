"""Older volume images become sparse shards; pickled objects are read only where that is asked for."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from app.core.errors import UserError
from datasets import DATASETS
from datasets.convert import CONVERTERS

SHAPE = (208, 1242)


def made(rows=4, seed=0):
    """Dense images of three planes, and metadata as older programs had them."""
    random = np.random.default_rng(seed)
    images = np.where(random.random((3, rows, *SHAPE)) < 2e-4, random.uniform(60, 400, (3, rows, *SHAPE)), 0)
    metadata = [
        {
            "event": 7 + i, "source_file": "prod_1.root", "interaction_type": "ES" if i % 2 else "CC", "plane": "X",
            "particle_energy": 0.01 + 0.001 * i, "cluster_energy": 9.0 + i, "n_clusters_in_volume": i,
            "center_channel": 100.0 + i, "center_time_tpc": 2000.0 + i, "main_cluster_match_id": i,
            "main_track_momentum_x": 0.01, "main_track_momentum_y": 0.001 * i, "main_track_momentum_z": -0.002,
        }
        for i in range(rows)
    ]  # fmt: skip
    return images.astype(np.float32), metadata


def as_objects(items):
    array = np.empty(len(items), object)
    array[:] = list(items)
    return array


def write_planes(folder, images, metadata, pickled=True, shift=(0, 1, 2)):
    """Three files whose rows stand in different orders."""
    for number, plane in enumerate("UVX"):
        order = np.roll(np.arange(len(metadata)), shift[number])
        stored = as_objects(images[number][order]) if pickled else images[number][order]
        rows = as_objects([metadata[i] for i in order])
        np.savez(folder / f"prod_plane{plane}.npz", images=stored, metadata=rows)


def convert(files, out, **options):
    CONVERTERS.parse({"name": "volume_images", **options}).build(files, out)


def read(path, **options):
    source = DATASETS.parse({"name": "volume_images", "files": [str(path)], **options}).build([path])
    (events,) = list(source)
    return source, events


def refused(message, files, out, **options):
    with pytest.raises(UserError, match=message) as caught:
        convert(files, out, **options)
    assert "\n" not in str(caught.value)
    assert not list(out.glob("*.npz"))


def test_pickled_files_of_three_planes_become_one_sparse_shard(tmp_path):
    images, metadata = made()
    write_planes(tmp_path, images, metadata)
    convert(sorted(tmp_path.glob("*.npz")), tmp_path / "out", trust_pickle=True)
    source, events = read(tmp_path / "out" / "prod.npz")
    rows = events.columns["match_id"].astype(int)
    assert sorted(rows) == [0, 1, 2, 3]
    assert np.array_equal(np.asarray(events.inputs["volume"]), np.moveaxis(images, 0, -1)[rows])
    assert np.array_equal(events.columns["is_es"], rows % 2)
    assert events.columns["energy"] == pytest.approx(0.01 + 0.001 * rows)
    assert events.columns["cluster_energy"] == pytest.approx((9.0 + rows) * 1e-3)
    assert events.columns["event"].tolist() == (7 + rows).tolist()
    momentum = np.stack([np.full(4, 0.01), 0.001 * rows, np.full(4, -0.002)], axis=-1)
    unit = momentum / np.linalg.norm(momentum, axis=1)[:, None]
    assert events.columns["direction_y"] == pytest.approx(unit[:, 1], abs=1e-6)
    assert source.facts["converted_from"] == "prod_planeX.npz"
    with np.load(tmp_path / "out" / "prod.npz") as content:
        assert content["center_tick"] == pytest.approx(np.repeat(2000.0 + rows, 3).reshape(-1, 3))
        assert content["source_file"].tolist() == ["prod_1.root"] * 4
        assert len(content["value"]) == np.count_nonzero(images)
    assert (tmp_path / "out" / "prod.npz").stat().st_size < images.nbytes / 100


def test_without_the_flag_pickled_objects_are_refused_with_the_reason(tmp_path):
    write_planes(tmp_path, *made())
    message = "'images' holds pickled objects, which run code from the file when they are read. Expected --trust-pickle"
    refused(message, sorted(tmp_path.glob("*.npz")), tmp_path / "out")
    write_planes(tmp_path, *made(), pickled=False)
    refused("'metadata' holds pickled objects", sorted(tmp_path.glob("*.npz")), tmp_path / "out")


class Trap:
    """Notices that it was unpickled."""

    def __reduce__(self):
        return (exec, ("import sys; sys.modules['a_trap_was_sprung'] = sys",))


def test_nothing_of_a_pickle_runs_without_the_flag(tmp_path):
    images, metadata = made()
    write_planes(tmp_path, images, [*metadata[:-1], Trap()])
    refused("holds pickled objects", sorted(tmp_path.glob("*.npz")), tmp_path / "out")
    with pytest.raises(UserError, match=r"holds pickled objects|sparse volume images"):
        read(tmp_path / "prod_planeX.npz")
    assert "a_trap_was_sprung" not in sys.modules


def test_one_file_of_matched_planes(tmp_path):
    images, metadata = made()
    arrays = {f"images_{p}": as_objects(images[i]) for i, p in enumerate("uvx")}
    np.savez(tmp_path / "volumes.npz", **arrays, metadata=as_objects(metadata))
    convert([tmp_path / "volumes.npz"], tmp_path / "out", trust_pickle=True)
    _, events = read(tmp_path / "out" / "volumes.npz")
    assert np.array_equal(np.asarray(events.inputs["volume"]), np.moveaxis(images, 0, -1))


def test_events_that_a_plane_did_not_see_are_dropped(tmp_path):
    images, metadata = made()
    write_planes(tmp_path, images, metadata, shift=(0, 0, 0))
    np.savez(tmp_path / "prod_planeV.npz", images=as_objects(images[1][:3]), metadata=as_objects(metadata[:3]))
    convert(sorted(tmp_path.glob("*.npz")), tmp_path / "out", trust_pickle=True)
    _, events = read(tmp_path / "out" / "prod.npz")
    assert events.columns["match_id"].tolist() == [0, 1, 2]


def test_bad_files(tmp_path):
    images, metadata = made()
    write_planes(tmp_path, images, metadata)
    paths = sorted(tmp_path.glob("*.npz"))
    refused("plane V is missing", [paths[0], paths[2]], tmp_path / "out", trust_pickle=True)
    np.savez(paths[1], images=as_objects(images[1, :, :200]), metadata=as_objects(metadata))
    refused("the image of row 0 has another size. Expected .208, 1242.", paths, tmp_path / "out", trust_pickle=True)
    short = [{k: v for k, v in row.items() if k != "particle_energy"} for row in metadata]
    np.savez(paths[1], images=as_objects(images[1]), metadata=as_objects(short))
    refused("metadata without 'particle_energy'", paths, tmp_path / "out", trust_pickle=True)
    np.savez(paths[1], images=as_objects(images[1]), metadata=np.zeros((4, 14)))
    refused(
        "metadata of another kind. Expected a dictionary for each image", paths, tmp_path / "out", trust_pickle=True
    )
    np.savez(paths[1], images=as_objects(images[1][:3]), metadata=as_objects(metadata))
    refused("'metadata' has another number of rows than the images", paths, tmp_path / "out", trust_pickle=True)
    paths[1].write_bytes(paths[1].read_bytes()[:1000])
    refused("truncated or not an npz file", paths, tmp_path / "out", trust_pickle=True)


def test_shards_are_not_overwritten(tmp_path):
    images, metadata = made()
    write_planes(tmp_path, images, metadata)
    paths = sorted(tmp_path.glob("*.npz"))
    convert(paths, tmp_path / "out", trust_pickle=True)
    with pytest.raises(UserError, match=r"prod\.npz: exists already"):
        convert(paths, tmp_path / "out", trust_pickle=True)


def test_numbers_of_events_keep_their_digits(tmp_path):
    images, metadata = made()
    for i, row in enumerate(metadata):
        row["event"] = [2**53 + 1, np.int64(2**62 + 3), np.uint64(2**63 + 5), 7][i]
    write_planes(tmp_path, images, metadata)
    convert(sorted(tmp_path.glob("*.npz")), tmp_path / "out", trust_pickle=True)
    _, events = read(tmp_path / "out" / "prod.npz")
    assert sorted(events.columns["event"].tolist()) == [7, 2**53 + 1, 2**62 + 3, 2**63 + 5]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "n_clusters_in_volume",
            2**31,
            r"'n_clusters' does not fit its type\. Expected int32\. Received \[0, 2147483648\]",
        ),
        ("event", 2**64, "'event' does not fit its type"),
        ("event", 7.5, "'event' is not a whole number in every row"),
    ],
)
def test_numbers_that_no_integer_holds_are_refused(tmp_path, column, value, message):
    images, metadata = made()
    metadata[3][column] = value
    if column != "event":
        metadata[0][column] = 0
    write_planes(tmp_path, images, metadata)
    refused(message, sorted(tmp_path.glob("*.npz")), tmp_path / "out", trust_pickle=True)
