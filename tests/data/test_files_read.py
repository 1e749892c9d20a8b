"""The files that a job reads, wherever its JSON names them."""

from app.data.files_read import files_read
from app.data.loading import simulated_folder
from datasets import SIMULATORS


def test_every_file_that_a_job_names_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(tmp_path / "simulated"))
    simulate = {"name": "track_states", "tracks": 100, "field": {"name": "map", "file": str(tmp_path / "map.csv")}}
    shard = simulated_folder(SIMULATORS.parse(simulate), tmp_path / "simulated") / "shard_00000.npz"
    shard.parent.mkdir(parents=True)
    names = ("a.csv", "b_1.root", "b_2.root", "friend.parquet", "map.csv", "like.npz")
    for path in (shard, *(tmp_path / name for name in names)):
        path.touch()
    job = {
        "name": "a.csv",
        "dataset": {
            "files": [str(tmp_path / "a.csv"), f"{tmp_path}/b_*.root:tree", str(tmp_path / "gone.csv")],
            "friends": [{"files": str(tmp_path / "friend.parquet"), "key": ["event"]}],
            "split": {"files": {"train": ["a.csv"], "test": ["b_*"]}},
        },
        "unlabelled": {"dataset": {"simulate": simulate}},
        "model": {"name": "mlp", "like": str(tmp_path / "like.npz"), "file": 3},
    }
    found = {str(path).removesuffix(":tree") for path in files_read(job)}
    assert found == {str(shard), *(str(tmp_path / name) for name in names)}
    assert list(files_read({"dataset": {"simulate": {"name": "of_mine"}, "files": ["${NOT_SET}/x"]}})) == []
