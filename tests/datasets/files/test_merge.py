import json

import numpy as np
import pytest

from app.core.errors import UserError
from datasets.files.merge import merge
from datasets.files.shards import read_metadata, shard_path, write_shard

METADATA = {
    "dataset": "track_states",
    "generator_version": 1,
    "units": {"X": ["mm", "1/GeV"]},
    "field": {"name": "gaussian_dipole", "peak": -1.0},
    "field_sha256": None,
    "z_start": 2665.0,
    "z_end": 7826.0,
    "dz": None,
}


def shard(folder, number, rows=10, first=0, arrays=None, **changes):
    path = shard_path(folder, number)
    values = {
        "X": np.random.default_rng(number).random((rows, 2), np.float32),
        "key": np.arange(first, first + rows, dtype=np.uint64),
    }
    counts = {"tried": rows + 1, "rejected": {"slope": 1}, "outside_field_map": 0}
    bins = [{"range": [2, 5], "tried": rows + 1, "survived": rows}]
    metadata = METADATA | counts | {"momentum_bins": bins, "rows": rows, "shard": number, "seed": number} | changes
    write_shard(path, values | (arrays or {}), metadata)
    return path


def test_merged_file_holds_all_rows_in_order(tmp_path):
    files = [shard(tmp_path, 0, 10), shard(tmp_path, 1, 7, first=10), shard(tmp_path, 2, 3, first=100)]
    merge(files, tmp_path / "all" / "merged.npz")
    with np.load(tmp_path / "all" / "merged.npz") as content:
        merged = dict(content)
    parts = [np.load(path) for path in files]
    for name in ("X", "key"):
        assert np.array_equal(merged[name], np.concatenate([part[name] for part in parts]))
        assert merged[name].dtype == parts[0][name].dtype
    metadata = json.loads(str(merged["metadata"]))
    assert (metadata["rows"], metadata["tried"], metadata["rejected"], metadata["seeds"]) == (
        20,
        23,
        {"slope": 3},
        [0, 1, 2],
    )
    assert metadata["momentum_bins"] == [{"range": [2, 5], "tried": 23, "survived": 20}]
    assert metadata["field"] == METADATA["field"]
    assert "shard" not in metadata


def test_merged_files_merge_again(tmp_path):
    merge([shard(tmp_path, 0), shard(tmp_path, 1, first=10)], tmp_path / "one.npz")
    merge([tmp_path / "one.npz", shard(tmp_path, 2, first=20)], tmp_path / "two.npz")
    assert read_metadata(tmp_path / "two.npz")["rows"] == 30
    assert read_metadata(tmp_path / "two.npz")["seeds"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"field": {"name": "gaussian_dipole", "peak": -2.0}},
            r"field\.peak differs\. Expected -1\.0\. Received -2\.0",
        ),
        ({"z_end": 9000.0}, r"z_end differs\. Expected 7826\.0\. Received 9000\.0"),
        ({"z_start": [0.0, 1.0]}, r"z_start differs"),
        ({"units": {"X": ["mm", "1/MeV"]}}, r"units\.X differs.*1/MeV"),
        ({"dataset": "muon_hits"}, r"dataset differs"),
        ({"arrays": {"P": np.zeros(10, np.float32)}}, r"arrays\.P differs"),
        ({"arrays": {"X": np.zeros((10, 2))}}, r"arrays\.X differs"),
    ],
)
def test_what_does_not_belong_together_is_refused(tmp_path, changes, message):
    files = [shard(tmp_path, 0), shard(tmp_path, 1, first=10, **changes)]
    with pytest.raises(UserError, match=rf"shard_00001.npz: cannot be merged with .*shard_00000.npz: {message}"):
        merge(files, tmp_path / "merged.npz")
    assert not (tmp_path / "merged.npz").exists()


def test_a_field_map_is_the_same_wherever_the_file_lay(tmp_path):
    def of_map(number, file, sha256):
        return shard(tmp_path, number, first=10 * number, field={"name": "map", "file": file}, field_sha256=sha256)

    files = [of_map(0, "/a/map.npz", "1f"), of_map(1, "/b/map.npz", "1f"), of_map(2, "/a/map.npz", "2e")]
    merge(files[:2], tmp_path / "merged.npz")
    with pytest.raises(UserError, match=r"field\.file differs\. Expected '1f'\. Received '2e'"):
        merge(files[1:], tmp_path / "other.npz")


def test_events_that_occur_twice_are_refused(tmp_path):
    files = [shard(tmp_path, 0), shard(tmp_path, 1, first=9)]
    with pytest.raises(UserError, match=r"shard_00000.npz and .*shard_00001.npz: 1 events occur twice, e.g. key 9"):
        merge(files, tmp_path / "merged.npz")
    with pytest.raises(UserError, match=r"shard_00000.npz and .*shard_00000.npz: 10 events occur twice"):
        merge([files[0], files[0]], tmp_path / "merged.npz")


def test_row_counts_that_contradict_the_metadata_are_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"array X has another number of rows. Expected 10 rows as its metadata say. Received \[9, 2\]"
    ):
        merge([shard(tmp_path, 0, arrays={"X": np.zeros((9, 2), np.float32)})], tmp_path / "merged.npz")


def test_damaged_missing_and_foreign_files_are_refused(tmp_path):
    whole = shard(tmp_path, 0)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole.read_bytes()[:-100])
    np.savez(tmp_path / "foreign.npz", X=np.zeros(3))
    for name, message in [("cut", "truncated"), ("missing", "No such file"), ("foreign", "has no metadata")]:
        with pytest.raises(UserError, match=rf"{name}.npz: .*{message}"):
            merge([whole, tmp_path / f"{name}.npz"], tmp_path / "merged.npz")
    with pytest.raises(UserError, match="no files to merge"):
        merge([], tmp_path / "merged.npz")


def test_an_existing_file_is_not_overwritten(tmp_path):
    whole = shard(tmp_path, 0)
    with pytest.raises(UserError, match="exists already"):
        merge([whole], whole)


def test_flipped_bits_are_found(tmp_path):
    files = [shard(tmp_path, 0), shard(tmp_path, 1, first=10)]
    content = bytearray(files[1].read_bytes())
    content[content.index(b"X.npy") + 200] ^= 1
    files[1].write_bytes(content)
    with pytest.raises(UserError, match=r"shard_00001.npz: the array 'X' cannot be read .*CRC"):
        merge(files, tmp_path / "merged.npz")
    assert not (tmp_path / "merged.npz").exists()
    assert not list(tmp_path.glob(".*.part"))
