"""Friends of a table: every row finds the one with its key, in whatever order and kind of file it is."""

from __future__ import annotations

import awkward
import h5py
import numpy as np
import pyarrow
import pytest
import uproot
from pyarrow import parquet

from app.core.errors import UserError
from app.core.files import find_files
from datasets import DATASETS

ROWS = 50
RUN, EVENT = np.arange(ROWS) % 3, np.arange(ROWS) + 2**60
ORDER = np.random.default_rng(1).permutation(ROWS)


def source(path, *friends, **changed):
    content = {"inputs": ["x", "score"], "targets": ["y"], "key": ["run", "event"], "friends": list(friends), **changed}
    spec = DATASETS.parse({"name": "table", "files": [str(path)], **content})
    return spec.build(find_files([str(path)]))


def events_of(path, *friends, **changed):
    blocks = list(source(path, *friends, **changed))
    return type(blocks[0]).concatenate(blocks)


def refused(path, *friends, **changed):
    with pytest.raises(UserError) as caught:
        list(source(path, *friends, **changed))
    return str(caught.value)


@pytest.fixture
def tree(tmp_path):
    """A tree of ROWS events, and in the same file a friend of it in another order with lists of numbers."""
    with uproot.recreate(tmp_path / "a.root") as file:
        file["events"] = {"run": RUN, "event": EVENT, "x": np.arange(ROWS) * 1.0, "y": np.ones(ROWS)}
        hits = awkward.Array([[float(i), 2.0 * i][: 1 + i % 2] for i in ORDER])
        numbers = {"run": RUN[ORDER], "event": EVENT[ORDER], "score": ORDER * 10.0, "hits": hits}
        file.mktree("scores", {n: a.dtype if hasattr(a, "dtype") else "var * float64" for n, a in numbers.items()})
        file["scores"].extend(numbers)
    return tmp_path / "a.root"


KEY = {"key": ["run", "event"]}
SCORES = {"tree": "scores", **KEY}


def test_a_tree_of_the_same_file_is_joined_by_its_key(tree):
    wanted = {"inputs": ["x", "score", "hits[1]"], "missing": "mask", "tree": "events", "block_size": 7}
    x, score, second, *_, lacking = events_of(tree, SCORES, **wanted).inputs["features"].T
    np.testing.assert_array_equal(x, np.arange(ROWS))
    np.testing.assert_array_equal(score, 10 * np.arange(ROWS))
    np.testing.assert_array_equal(second, np.where(np.arange(ROWS) % 2, 2 * np.arange(ROWS), 0))
    np.testing.assert_array_equal(lacking, np.arange(ROWS) % 2 == 0)


def test_other_files_of_another_kind_are_joined_with_a_prefix(tmp_path, tree):
    half = ROWS // 2
    for number, rows in enumerate((ORDER[:half], ORDER[half:])):
        columns = {"run": RUN[rows].astype("i4"), "event": EVENT[rows], "x": -1.0 * rows}
        parquet.write_table(pyarrow.table(columns), tmp_path / f"{number}.parquet")
    friend = {"files": [str(tmp_path / "*.parquet")], **KEY, "prefix": "gen."}
    wanted = {"tree": "events", "inputs": ["x", "gen.x", "score"], "block_size": 8}
    features = events_of(tree, friend, SCORES, **wanted).inputs["features"]
    np.testing.assert_array_equal(features, np.arange(ROWS)[:, None] * [1, -1, 10])
    first = source(tree, friend, **wanted | {"inputs": ["x", "gen.x"]}).fingerprint
    columns["x"][0] += 1
    parquet.write_table(pyarrow.table(columns), tmp_path / "1.parquet")
    assert source(tree, friend, **wanted | {"inputs": ["x", "gen.x"]}).fingerprint != first
    assert f"x: has the name of a column of a friend in {tree}. Expected a 'prefix' for the friend" in refused(
        tree, {**friend, "prefix": ""}, **wanted | {"inputs": ["x"]}
    )


def test_several_rows_have_one_friend(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["jets/name"], file["jets/x"] = np.array([b"b", b"a", b"b"]), [1.0, 2.0, 3.0]
        file["jets/y"] = [0.0, 0.0, 0.0]
        file["runs/name"], file["runs/score"] = np.array([b"a", b"b"]), [10.0, 20.0]
    events = events_of(tmp_path / "a.h5", {"tree": "runs", "key": ["name"]}, tree="jets", key=["x"])
    np.testing.assert_array_equal(events.inputs["features"], [[1, 20], [2, 10], [3, 20]])


def scores(path, rows):
    content = {"run": RUN[rows], "event": EVENT[rows], "score": 1.0 * rows}
    parquet.write_table(pyarrow.table(content), path)
    return {"files": [str(path)], **KEY}


def test_a_key_that_a_friend_lacks_or_has_twice_is_named(tmp_path, tree):
    path = tmp_path / "s.parquet"
    message = f"{tree}: 1 of 50 rows have no friend in {path}. Expected a row of the friend for every key. "
    assert refused(tree, scores(path, np.delete(ORDER, 7)), tree="events") == (
        message + f"Received 'run {RUN[ORDER[7]]}, event {EVENT[ORDER[7]]}'."
    )
    message = f"{path}: 1 of its 51 rows have the key of another one, such as run 1, event {2**60 + 4}. "
    assert refused(tree, scores(path, np.append(ORDER, 4)), tree="events") == (
        message + "Expected each key once in a friend."
    )


def test_a_friend_that_cannot_be_meant(tmp_path, tree):
    wanted = {"tree": "events"}
    assert "friends.0: a friend is another file or another tree. Expected 'files' or 'tree'" in refused(tree, KEY)
    message = f"dataset.friends.0.tree: unknown tree for the friend in {tree}. Did you mean 'scores'?"
    assert refused(tree, {"tree": "score", **KEY}, **wanted).startswith(message)
    message = f"dataset.friends.1.key: unknown column for the friend in {tree}. Did you mean 'event'?"
    assert refused(tree, SCORES, {"tree": "scores", "key": ["evnt"]}, **wanted).startswith(message)
    missing = {"files": [str(tmp_path / "none.root")], **KEY}
    assert "dataset.friends.0.files.0: no such file" in refused(tree, missing, **wanted)
    message = "dataset.inputs.scor: unknown column in " + f"{tree}. Did you mean 'score'?"
    assert message in refused(tree, SCORES, **wanted, inputs=["scor"])
