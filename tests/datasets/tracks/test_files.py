"""Which array or branch is which column, in npz files and in ROOT trees that others wrote."""

from __future__ import annotations

import hashlib

import awkward
import numpy as np
import pytest
import uproot

DATASET = "track_states"

NAMES = ("x", "y", "tx", "ty", "qop", "dz", "true_x", "true_y", "true_tx", "true_ty")


@pytest.fixture
def root(tmp_path):
    """Write trees of flat or jagged columns as real TTrees and return the file's path."""

    def write(name="tracks.root", **trees):
        with uproot.recreate(tmp_path / name) as file:
            for tree, columns in trees.items():
                made = file.mktree(tree, {n: awkward.type(awkward.Array(a)).content for n, a in columns.items()})
                made.extend(columns)
        return tmp_path / name

    return write


@pytest.fixture
def npz(tmp_path):
    """Write arrays as an npz and return its path."""

    def write(**content):
        np.savez(tmp_path / "tracks.npz", **content)
        return tmp_path / "tracks.npz"

    return write


@pytest.fixture
def columns(tracks):
    content = tracks()
    return {name: content[name] for name in NAMES}


@pytest.fixture
def states(columns):
    start, end = (np.stack([columns[n] for n in names], -1) for names in (NAMES[:6], NAMES[6:]))
    return {"X": start, "Y": end}


def test_a_tree_is_read_as_an_npz_of_the_same_values(load, root, npz, columns, states):
    source, (events,) = load(root(t=columns))
    _, (same,) = load(npz(**states))
    assert np.array_equal(events.inputs["state"], same.inputs["state"])
    assert np.array_equal(events.columns["x"], same.columns["x"])
    assert np.array_equal(events.key, same.key)  # so that converting a file does not change the split
    assert source.description == "20 tracks in 1 file"


def test_branches_may_have_names_of_their_own(load, root, columns):
    theirs = {f"track_{name}": array for name, array in columns.items()} | {"mom": 1 / np.abs(columns["qop"])}
    theirs["event"] = np.arange(100, 120)
    branches = {name: f"track_{name}" for name in NAMES} | {"p": "mom", "key": "event"}
    _, (events,) = load(root(events=theirs), branches=branches)
    assert np.array_equal(events.inputs["state"][:, 4], columns["qop"].astype(np.float32))
    assert events.key.tolist() == list(range(100, 120))
    assert events.key.dtype == np.uint64


def test_the_tree_is_named_in_the_path_or_in_the_dataset_or_is_the_only_one(load, refused, root, columns):
    other = {"n": np.arange(3)}
    two = root("two.root", tracks=columns, **{"run/info": other})
    for source, _ in (load(f"{two}:tracks"), load(two, tree="tracks"), load(f"{two}:tracks", tree="run/info")):
        assert source.rows == 20
        assert len(source.fingerprint) == 16
    expected = r"Expected 'FILE:TREE' or 'tree' in the dataset, one of \[run/info, tracks\]"
    refused(rf"the file has 2 trees\. {expected}", two)
    refused(r"unknown tree\. Did you mean 'tracks'\?", f"{two}:track")
    refused(r"unknown tree\. Did you mean 'tracks'\?", two, tree="trakcs")
    inside = root("inside.root", **{"ntuples/tracks": columns})
    assert load(f"{inside}:ntuples/tracks")[0].rows == 20
    with uproot.recreate(two.parent / "none.root"):
        pass
    refused("the file has no tree", two.parent / "none.root")


def test_an_rntuple_is_a_tree_too(load, tmp_path, columns):
    with uproot.recreate(tmp_path / "new.root") as file:
        file["tracks"] = columns
    _, (events,) = load(tmp_path / "new.root")
    assert np.array_equal(events.columns["tx"], columns["true_tx"].astype(np.float32))


def test_a_missing_branch_names_the_nearest(refused, root, columns):
    columns["true_X"] = columns.pop("true_x")
    path = root(t=columns)
    refused(r"unknown branch for the column 'true_x'\. Did you mean 'true_X'\? Expected one of", path)
    refused("unknown branch for the column 'dz'.*Received 'DZ_'", path, branches={"true_x": "true_X", "dz": "DZ_"})
    refused(r"dataset\.branches: unknown column\. Did you mean 'true_x'\?", path, branches={"truex": "true_X"})


def test_a_jagged_branch_is_refused(refused, root, columns):
    columns["tx"] = awkward.Array([[value] for value in columns["tx"]])
    refused(r"tracks\.root\.tx: not a column of numbers\. Expected one number per event", root(t=columns))


def test_large_trees_are_several_blocks(load, root, columns, monkeypatch):
    path = root(t=columns)
    _, (whole,) = load(path)
    monkeypatch.setattr("datasets.tracks.files.ROWS_PER_BLOCK", 8)
    _, blocks = load(path)
    assert [len(b) for b in blocks] == [8, 8, 4]
    assert np.array_equal(np.concatenate([b.inputs["state"] for b in blocks]), whole.inputs["state"])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.7])
def test_a_truncated_root_file_is_refused(refused, root, columns, share):
    path = root(t={name: np.tile(array, 500) + np.arange(10_000) * 1e-9 for name, array in columns.items()})
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused("not a whole ROOT file", path)


def test_npz_and_root_files_together(load, root, npz, columns, states, tracks):
    more = tracks(5, seed=2)
    source, blocks = load(npz(**states), root(t={name: more[name] for name in NAMES}))
    assert [len(b) for b in blocks] == [20, 5]
    assert source.description == "25 tracks in 2 files"


def test_a_root_fingerprint_is_the_files_own(load, root, columns):
    path = root(t=columns)
    first = load(path)[0].fingerprint
    path.rename(path.with_name("renamed.root"))
    assert load(path.with_name("renamed.root"))[0].fingerprint == first
    assert load(root(t=columns))[0].fingerprint != first  # written again


def fingerprint_of_0_1(path):
    with uproot.open(path) as file:
        return hashlib.sha256(f"{file.file.uuid}:{path.stat().st_size};".encode()).hexdigest()[:16]


def test_a_root_file_that_leaves_no_choice_has_the_fingerprint_of_0_1(load, root, columns):
    path = root(nominal=columns)
    expected = fingerprint_of_0_1(path)
    for file, options in ((path, {}), (f"{path}:nominal", {}), (path, {"tree": "nominal", "branches": {"x": "x"}})):
        assert load(file, **options)[0].fingerprint == expected


def test_the_trees_of_a_root_file_are_different_data(load, root, columns):
    """A nominal tree and a systematic variation would stand in one table, the better one as the best of 2."""
    varied = columns | {"x": columns["x"] * 1.01}
    path = root(nominal=columns, varied=varied)
    named = [load(f"{path}:{tree}")[0].fingerprint for tree in ("nominal", "varied")]
    assert len({*named, fingerprint_of_0_1(path)}) == 3
    assert [load(path, tree=tree)[0].fingerprint for tree in ("nominal", "varied")] == named
    both = load(f"{path}:nominal", f"{path}:varied")[0].fingerprint
    assert both not in named


def test_other_branches_of_a_root_tree_are_different_data(load, root, columns):
    path = root(t=columns | {"x_up": columns["x"] * 1.01, "y_up": columns["y"]})
    chosen = [{}, {"x": "x_up"}, {"y": "y_up"}, {"x": "x_up", "y": "y_up"}]
    found = [load(path, branches=branches)[0].fingerprint for branches in chosen]
    assert len(set(found)) == 4
    assert load(path, branches={"y": "y_up", "x": "x_up"})[0].fingerprint == found[3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: {**s, "Y": s["Y"][:15]},
            "arrays of different lengths. Expected one length. Received {'X': 20, 'Y': 15}",
        ),
        (
            lambda s: {**s, "X": s["X"][:, :4]},
            r"npz\.X: not an array of track states\. Expected the shape \(N, 5 or more\)",
        ),
        (
            lambda s: {**s, "Y": s["Y"][:, 0]},
            r"npz\.Y: not an array of track states\. Expected the shape \(N, 4 or more\)",
        ),
        (lambda s: {**s, "P": s["X"][:, :2]}, r"npz\.P: not an array of track states\. Expected the shape \(N,\)"),
        (lambda s: {"X": s["X"], "Yend": s["Y"]}, r"unknown array\. Expected one of \[X, Yend\]\. Received 'Y'"),
        (lambda s: {**s, "X": s["X"][:, :5]}, r"the file has no dz\. Expected 'z': \[z_start, z_end\]"),
        (
            lambda s: {**s, "key": np.linspace(0, 1, 20)},
            r"key: not a column of numbers\. Expected one integer per event",
        ),
        (lambda s: {**s, "X": s["X"].astype(str)}, "not a column of numbers. Expected one number per event"),
        (lambda s: {**s, "X": s["X"] * [1, 1, 1, 1, 0, 1]}, "20 rows have q/p = 0, the first at row 0"),
        (
            lambda s: {**s, "Y": s["Y"] * [1e3, 1, 1, 1]},
            r"true_x: value out of range. Expected .true_x. below 100000 mm",
        ),
        (lambda s: {**s, "X": s["X"] * [1, 1, 1, 1e3, 1, 1]}, "ty: value out of range. Expected .ty. below 10"),
        (lambda s: {**s, "X": s["X"] * [1, 1, 1, 1, 1, 1e3]}, "dz: value out of range"),
        (lambda s: {n: a[:0] for n, a in s.items()}, "no tracks in these files"),
    ],
)
def test_arrays_that_are_no_track_states(refused, npz, states, change, message):
    refused(message, npz(**change(states)))


def test_somebody_elses_p_and_z_can_be_left_alone(load, npz, states):
    path = npz(**states, P=np.zeros((20, 3)), Z=np.arange(3))
    assert load(path, momentum=None, planes=None)[0].rows == 20


@pytest.mark.parametrize("option", [{"momentum": "PP"}, {"planes": "planes"}, {"start": "x"}, {"end": "Yy"}])
def test_an_array_that_is_asked_for_must_be_there(refused, npz, states, option):
    refused("unknown array", npz(**states), **option)


def test_names_that_no_file_reads_are_refused(refused, npz, root, states, columns):
    refused(r"dataset\.branches: none of the files reads 'branches'", npz(**states), branches={"x": "X"})
    refused(r"dataset\.start: none of the files reads 'start'", root(t=columns), start="x")


def test_files_that_are_not_there(load, refused, npz, states, tmp_path, monkeypatch):
    npz(**states)
    refused(r"dataset\.files\.0: no such file\. Did you mean 'tracks\.npz'\?", tmp_path / "track.npz")
    refused(r"dataset\.files\.1: the pattern matches no file", tmp_path / "tracks.npz", tmp_path / "shard_*.npz")
    refused(r"dataset\.files\.0: no such file", f"{tmp_path}/none.root:tree")
    monkeypatch.delenv("NOWHERE", raising=False)
    refused(
        "a variable in the path is not set. Expected the environment variable NOWHERE to be set", "${NOWHERE}/a.npz"
    )
    monkeypatch.setenv("NOWHERE", str(tmp_path))
    assert load("${NOWHERE}/tracks.npz")[0].rows == 20


def test_other_arrays_of_an_npz_are_different_data(load, npz, states):
    path = npz(**states, X2=states["X"] * 0.99, Y2=states["Y"])
    usual = load(path)[0].fingerprint
    assert load(path, start="X2", end="Y2")[0].fingerprint != usual
    assert load(path, start="X", end="Y")[0].fingerprint == usual


def test_a_state_that_float32_does_not_hold_is_named(refused, npz, states):
    states["X"][3, 4] = 1e39
    refused(r"qop: 1 of 20 values of 'qop' do not fit float32, the first at row 3", npz(**states))


def test_the_fields_of_a_records_column_are_columns(load, npz, columns, states, tmp_path):
    """uproot writes a record as one field of an RNTuple, whose parts are called record.part."""
    with uproot.recreate(tmp_path / "records.root") as file:
        file.mkrntuple("t", {"track": awkward.Array({name: columns[name] for name in NAMES})})
    source, (events,) = load(tmp_path / "records.root", branches={name: f"track.{name}" for name in NAMES})
    _, (same,) = load(npz(**states))
    assert source.rows == 20
    np.testing.assert_array_equal(events.inputs["state"], same.inputs["state"])


def test_an_rntuple_that_is_cut_off_is_one_line(refused, columns, tmp_path):
    path = tmp_path / "cut.root"
    with uproot.recreate(path) as file:
        file.mkrntuple("t", dict(columns))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(r"not a whole ROOT file \(", path)
