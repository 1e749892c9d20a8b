"""Which tracks are fitted, and which are left out."""

import json

import numpy as np

from app.config.job_file import load
from app.data.loading import load_data
from app.field_fit.reading import read_tracks


def test_the_test_tracks_of_a_job_stay_unseen(tmp_path):
    random, count = np.random.default_rng(1), 1000
    columns = [random.uniform(-0.2, 0.2, (count, 4)), random.uniform(0.02, 0.2, count), np.full(count, 5161.0)]
    start = np.column_stack(columns)
    np.savez(tmp_path / "t.npz", X=start, Y=start[:, :4], Z=np.broadcast_to([2665.0, 7826.0], (count, 2)))
    task = {"targets": ["x", "y", "tx", "ty"], "loss": "mse", "transform": "kick"}
    job = {
        "name": "tracks",
        "application": "test",
        "rationale": "for a test",
        "dataset": {"name": "track_states", "files": str(tmp_path / "t.npz")},
        "model": {"name": "mlp", "preset": "tiny"},
        "tasks": {"state": task},
    }
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    fitted, left_out = read_tracks([str(path)], [], 0.1, 1)
    splits = load_data(load(path)[0]).splits
    rows = {
        name: set(np.concatenate([events.inputs["state"][:, 2] for events in getattr(splits, name)]).tolist())
        for name in ("train", "validation", "test")
    }
    assert set(fitted.start[:, 2].tolist()) == rows["train"]
    assert set(left_out.start[:, 2].tolist()) == rows["validation"]
    assert not rows["test"] & (rows["train"] | rows["validation"])
    assert sum(map(len, rows.values())) == count
