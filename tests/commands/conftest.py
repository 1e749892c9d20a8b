import csv

import numpy as np
import pytest


@pytest.fixture
def predicted(trained):
    """Return the columns of predictions.csv of `trained` by name; the keys are integers."""
    with (trained / "runs" / "trained" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    numbers = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "key"}
    return {"key": np.array([int(row["key"]) for row in rows], np.uint64), **numbers}


@pytest.fixture
def tracks(simulated, predicted):
    """Return the arrays of the simulated file at the rows of `predicted`."""
    for path in simulated.glob("*/shard_00000.npz"):
        with np.load(path) as data:
            place = {int(key): row for row, key in enumerate(data["key"])}
            if all(int(key) in place for key in predicted["key"]):
                rows = [place[int(key)] for key in predicted["key"]]
                return {name: data[name][rows] for name in ("X", "Y", "P")}
    pytest.fail("no simulated file holds these tracks")
