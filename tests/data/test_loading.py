"""What a run says of its data."""

import pytest

from app.config.job_file import parse
from app.data.loading import load_data


@pytest.mark.parametrize(
    ("changes", "limit", "description"),
    [
        ({}, None, "200 rows of 1 columns in 1 file"),
        ({"selection": "a < 150"}, None, "150 of 200 rows of 1 columns in 1 file, those with a < 150"),
        ({"select": "a >= 20"}, None, "180 of 200 rows of 1 columns in 1 file"),
        ({"select": "a >= 20"}, 5, "200 rows of 1 columns in 1 file, at most 5 in each split"),
        ({"split": {"folds": 4, "fold": 1}}, None, "200 rows of 1 columns in 1 file, fold 1 of 4"),
    ],
)
def test_the_description_counts_the_events_that_are_read(changes, limit, description, tmp_path):
    (tmp_path / "all.csv").write_text("\n".join(["a,m", *(f"{i},{i * 0.5}" for i in range(200))]))
    dataset = {"name": "table", "files": [str(tmp_path / "all.csv")], "inputs": ["a"], "targets": ["m"], **changes}
    content = {"name": "z", "application": "z", "rationale": "z", "model": "mlp", "dataset": dataset}
    job = parse({**content, "tasks": {"m": {"targets": ["m"], "loss": "mse"}}})
    assert load_data(job, limit).description == description
