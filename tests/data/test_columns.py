"""What `wirechamber inspect` finds in a data file, and the job that `wirechamber init` makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import awkward
import numpy as np
import pyarrow
import pytest
import uproot
from pyarrow import parquet

from app.cli import main
from app.commands.init import first_job
from app.config.job_file import parse
from app.core.errors import UserError
from app.core.files import find_files
from app.data.columns import summarize
from datasets import DATASETS


def rows_of(path, tree=""):
    return {c.name: (c.unit, c.rows, c.kind, *c.figures()) for c in summarize(path)[tree]}


def test_an_npz_column_by_column(tmp_path):
    path = tmp_path / "data.npz"
    table = np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, 20.0], [np.inf, 30.0]])
    units = {"X": ["mm", "GeV"], "flag": "1", "wave": "ADC", "odd": ["mm"], "one": "mm"}
    np.savez(
        path,
        X=table,
        flag=np.array([True, False, True, True]),
        key=np.array([1, 2, 2, 2**64 - 1], np.uint64),
        wave=np.zeros((4, 100), np.float32),
        odd=np.zeros((4, 2)),
        one=np.zeros((4, 2)),
        metadata=np.array(json.dumps({"units": units})),
    )
    found = rows_of(path)
    assert found["X[0]"] == ("mm", 4, "float64", "1", "2", "3", "2", "0")
    assert found["X[1]"] == ("GeV", 4, "float64", "10", "20", "30", "0", "1")
    assert found["flag[4]"] == ("1", 4, "bool", "0", "1", "1", "0", "2")
    assert found["key[4]"] == ("", 4, "uint64", "1", "2", "18446744073709551615", "0", "1")
    assert found["wave[4, 100]"] == ("ADC", 4, "float32, 100 per row", "", "", "", "", "")
    assert [found[f"odd[{i}]"][0] for i in range(2)] == ["", ""]  # one unit for two columns is ambiguous
    assert [found[f"one[{i}]"][0] for i in range(2)] == ["mm", "mm"]
    assert found["metadata[]"][1:3] == (1, "text")


@pytest.mark.parametrize("metadata", [np.array("no JSON"), np.array("[]"), np.array('{"units": 3}'), np.arange(2)])
def test_metadata_of_others_say_nothing(tmp_path, metadata):
    np.savez(tmp_path / "a.npz", X=np.zeros((3, 2)), metadata=metadata)
    assert rows_of(tmp_path / "a.npz")["X[1]"] == ("", 3, "float64", "0", "0", "0", "0", "2")


def test_a_column_without_a_finite_value_has_no_range(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.full(3, np.nan), none=np.empty(0))
    assert rows_of(tmp_path / "a.npz")["x[3]"][3:] == ("", "", "", "3", "0")
    assert rows_of(tmp_path / "a.npz")["none[0]"][3:] == ("", "", "", "", "")


@pytest.fixture
def muons(tmp_path):
    """A tree with a flat, a jagged and an empty branch, and a tree in a directory."""
    path = tmp_path / "muons.root"
    with uproot.recreate(path) as file:
        hits = {"event": np.arange(3), "pt": awkward.Array([[3.0, np.nan], [], [1.0, 3.0, 8.0]])}
        made = file.mktree("hits", {"event": "int64", "pt": "var * float64"})
        made.extend(hits)
        file.mktree("run/info", {"number": "int64"}).extend({"number": np.array([7])})
    return path


def test_a_jagged_tree_is_flattened_branch_by_branch(muons):
    assert set(summarize(muons)) == {":hits", ":run/info"}
    found = rows_of(muons, ":hits")
    assert found["event"] == ("", 3, "int64_t", "0", "1", "2", "0", "0")
    assert found["pt"] == ("", 3, "double[]", "1", "3", "8", "1", "1")
    assert rows_of(muons, ":run/info")["number"][3:] == ("7", "7", "7", "0", "0")


def test_one_tree_may_be_asked_for(muons):
    path = Path(f"{muons}:run/info")
    assert set(summarize(path)) == {":run/info"}
    with pytest.raises(UserError, match=r"unknown tree\. Did you mean 'hits'\?"):
        summarize(muons.with_name("muons.root:hit"))


def test_damaged_and_other_files_are_refused(tmp_path, muons):
    muons.write_bytes(muons.read_bytes()[:200])
    (tmp_path / "a.npz").write_bytes(b"")
    (tmp_path / "a.csv").write_text("x\n1\n")
    for name, message in (("muons.root", "not a whole ROOT file"), ("a.npz", "the file is empty")):
        with pytest.raises(UserError, match=message):
            summarize(tmp_path / name)
    with pytest.raises(UserError, match=r"not a table of columns\. Expected a name that ends in \.root, \.npz, \.h5"):
        summarize(tmp_path / "a.txt")


def states(rows=30):
    """Arrays of tracks that bend by 0.9 q/p, and their columns."""
    rng = np.random.default_rng(1)
    columns = {name: rng.uniform(-1, 1, rows) for name in ("x", "y", "tx", "ty")}
    columns |= {"qop": rng.choice([-1, 1], rows) / rng.uniform(2, 100, rows), "dz": np.full(rows, 5161.0)}
    slopes = {"tx": columns["tx"] + 0.9 * columns["qop"], "ty": columns["ty"]}
    columns |= {f"true_{n}": columns[n] + 5161 * columns[f"t{n}"] for n in ("x", "y")}
    columns |= {f"true_{n}": slope for n, slope in slopes.items()}
    start, end = (np.stack([columns[n] for n in names], -1) for names in (list(columns)[:6], list(columns)[6:]))
    return {"X": start, "Y": end}, columns


def test_inspect_prints_columns_and_what_the_loader_makes_of_them(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", **states()[0])
    assert main(["inspect", str(tmp_path / "a.npz")]) == 0
    printed = capsys.readouterr().out
    assert "the dataset track_states reads 30 events in 1 block; inputs state (x, y, tx, ty, qop, dz)" in printed
    assert "X[5]" in printed
    assert "5161" in printed
    np.savez(tmp_path / "b.npz", **{name: array * 1e6 for name, array in states()[0].items()})
    assert main(["inspect", str(tmp_path / "b.npz")]) == 2
    out, err = capsys.readouterr()
    assert "Y[3]" in out
    assert "the dataset track_states refuses this: " in err


def load(job):
    (path,) = find_files(job.dataset.options.files)
    return next(iter(job.dataset.build([path])))


def test_init_makes_a_job_that_reads_the_file(tmp_path):
    arrays, columns = states()
    named = {"end_state": arrays["Y"], "extra": np.zeros((30, 3)), "start_state": arrays["X"]}
    np.savez(tmp_path / "my tracks (1).npz", **named)
    np.savez(tmp_path / "ours.npz", **arrays)
    theirs = {name.replace("true_", "out_").upper(): array for name, array in columns.items()}
    with uproot.recreate(tmp_path / "a.root") as file:
        file["info"] = {"n": np.arange(3)}
        file["tracks"] = theirs
    for name, job_name in (("my tracks (1).npz", "my_tracks_1_mlp"), ("ours.npz", "ours_mlp"), ("a.root", "a_mlp")):
        job = parse(first_job(tmp_path / name, None, [], []))
        events = load(job)
        assert job.name == job_name
        assert np.array_equal(events.columns["x"], columns["true_x"].astype(np.float32))
        assert np.array_equal(events.inputs["state"][:, 4], columns["qop"].astype(np.float32))


def test_init_says_what_it_cannot_know(tmp_path, caplog):
    arrays, _ = states()
    np.savez(tmp_path / "a.npz", X=arrays["X"][:, :5], Y=arrays["Y"])
    made = first_job(tmp_path / "a.npz", None, [], [])
    assert (made["dataset"]["name"], made["dataset"]["z"]) == ("track_states", [0.0, 5160.0])
    assert 'the file holds no dz: "z": [0.0, 5160.0] is guessed from its tracks' in caplog.text
    assert len(load(parse(made))) == 30
    backwards = np.concatenate([arrays["Y"], arrays["X"][:, 4:5]], 1)
    np.savez(tmp_path / "b.npz", X=backwards, Y=arrays["X"][:, :4])
    assert "z" not in first_job(tmp_path / "b.npz", None, [], [])["dataset"]
    assert 'the file holds no dz: add "z"' in caplog.text
    with uproot.recreate(tmp_path / "a.root") as file:
        file["tracks"] = {name: values for name, values in states()[1].items() if name != "dz"}
    assert first_job(tmp_path / "a.root", None, [], [])["dataset"]["z"] == [0.0, 5160.0]
    assert "all columns of track states are there; --targets makes a table of columns of it" in caplog.text
    with uproot.recreate(tmp_path / "none.root") as file:
        file["metadata"] = "{}"
    with pytest.raises(UserError, match="the file has no tree"):
        first_job(tmp_path / "none.root", None, [], [])


def test_init_writes_a_new_file_only(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", **states()[0])
    command = ["init", str(tmp_path / "a.npz"), "--out", str(tmp_path / "job.json")]
    assert main(command) == 0
    assert json.loads((tmp_path / "job.json").read_text())["name"] == "a_mlp"
    assert main(command) == 2
    assert "job.json: exists already. Expected the name of a new file." in capsys.readouterr().err
    assert main(["init", str(tmp_path / "a.npz")]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["dataset"]["name"] == "track_states"
    assert err.splitlines()[-1] == f"save it with: wirechamber init {tmp_path / 'a.npz'} --out job.json"


def test_of_a_wide_branch_a_bounded_part_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr("app.data.columns.VALUES", 40)
    with uproot.recreate(tmp_path / "wide.root") as file:
        file.mktree("tree", {"wave": ("f4", (10,)), "x": "f8"})
        file["tree"].extend({"wave": np.arange(60, dtype="f4").reshape(6, 10), "x": np.arange(6.0)})
        file["metadata"] = json.dumps({"units": {"wave": "mV"}})
    found = rows_of(tmp_path / "wide.root", ":tree")
    assert found["wave"] == ("mV", 6, "float[10], 4 rows", "0", "19.5", "39", "0", "0")
    assert found["x"] == ("", 6, "double", "0", "2.5", "5", "0", "0")


@pytest.fixture
def odd(tmp_path):
    """Write a tree, with bytes changed afterwards for what ROOT writes and uproot does not."""

    def write(columns, *changes):
        path = tmp_path / "odd.root"
        with uproot.recreate(path, compression=None) as file:
            types = {name: (v.dtype, v.shape[1:]) if v.ndim > 1 else v.dtype for name, v in columns.items()}
            file.mktree("t", types).extend(columns)
        content = path.read_bytes()
        for old, new in changes:
            assert len(old) == len(new)
            assert old in content
            content = content.replace(old, new)
        path.write_bytes(content)
        return path

    return write


def test_a_name_that_occurs_twice_is_shown_twice_and_read_by_no_loader(odd):
    """Delphes has a branch Particle, and the counter of its particles is another."""
    columns = states()[1]
    path = odd({**columns, "copy_tx": columns["x"], "okay": np.arange(30)}, (b"copy_tx", b"true_tx"))
    twice = [c for c in summarize(path)[":t"] if c.name == "true_tx"]
    assert [c.figures()[0] for c in twice] == [f"{columns[name].min():.6g}" for name in ("true_tx", "x")]
    assert rows_of(path, ":t")["okay"][3:6] == ("0", "14.5", "29")
    with pytest.raises(UserError, match=r"odd\.root: has 2 branches of the name 'true_tx', and which"):
        load(parse(first_job(path, None, [], [])))


def test_a_name_that_begins_with_a_slash_is_shown(odd, capsys):
    path = odd({"other_x": np.arange(3.0), "okay": np.arange(3), "y": np.arange(3)}, (b"other_x", b"/ther_x"))
    assert rows_of(path, ":t")["/ther_x"][3:6] == ("0", "1", "2")
    assert first_job(path, None, [], [])["dataset"]["inputs"] == ["okay"]
    branches = 'branches={"x": "/ther_x", "y": "okay", "tx": "okay", "ty": "okay", "qop": "okay"}'
    assert main(["inspect", str(path), "--set", branches, "--set", "truth=false", "--set", "z=[0.0, 1.0]"]) == 2
    assert "odd.root: the dataset track_states refuses this: " in capsys.readouterr().err


def test_a_branch_of_another_size_than_its_type_says_why_it_is_not_readable(odd, capsys):
    """As lists of leaves `x[15][2]:y[15][2]`, which uproot cannot interpret."""
    path = odd({"wave": np.zeros((3, 2)), "okay": np.arange(3), "y": np.arange(3)}, (b"wave[2]", b"wave[7]"))
    (wave, okay, _) = summarize(path)[":t"]
    assert (wave.kind, wave.values) == ("not readable", None)
    assert "wave has the wrong number of bytes (48) for interpretation" in wave.reason
    assert okay.figures()[:3] == ["0", "1", "2"]
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "wave: not readable (basket 0 in tree/branch /t;1:wave has the wrong number of bytes" in out
    assert out.endswith(f"wirechamber init {path} makes a job of its columns; --dataset NAME tries a loader\n")
    assert main(["inspect", str(path), "--dataset", "track_states"]) == 2
    assert "the dataset track_states refuses this: unknown branch for the column 'x'" in capsys.readouterr().err
    assert main(["init", str(path)]) == 0


def test_an_array_that_cannot_be_read_hides_no_other(tmp_path):
    np.savez(tmp_path / "a.npz", bad=np.array([{}], object), x=np.arange(3))
    bad, good = summarize(tmp_path / "a.npz")[""]
    assert (bad.kind, bad.reason) == (
        "not readable",
        "the array 'bad' holds pickled objects, which may run code when they are read",
    )
    assert good.figures()[:3] == ["0", "1", "2"]


def test_tables_of_other_kinds_are_inspected(tmp_path, capsys):
    content = {"n": [5_000_000_009, 7], "x": [1.5, None], "hits": [[1], [2, 3]], "kind": ["a", "b"]}
    parquet.write_table(pyarrow.table(content), tmp_path / "a.parquet")
    found = rows_of(tmp_path / "a.parquet")
    assert found["n"] == ("", 2, "int64", "7", "2.5e+09", "5000000009", "0", "0")
    assert found["x"] == ("", 2, "float64", "1.5", "1.5", "1.5", "1", "0")
    assert found["hits"][2] == "int64, a list per row"
    assert found["kind"][2:4] == ("text", "")
    assert main(["inspect", str(tmp_path / "a.parquet")]) == 0
    assert f"wirechamber init {tmp_path / 'a.parquet'} makes a job of its columns" in (out := capsys.readouterr().out)
    assert "several values per row: hits; a table takes one element of a list, as hits[0], a loader whole arrays" in out


def test_what_is_no_column_is_named_by_its_type_and_shape(tmp_path):
    import h5py

    rows = {"c": np.ones(3, complex), "image": np.ones((3, 4, 2), "f4"), "fix": np.ones((3, 2)), "s": ["a", "b", "cc"]}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in rows.items():
            file[name] = values
    found = {name: row[2] for name, row in rows_of(tmp_path / "a.h5").items()}
    expected = {"c": "complex numbers", "image": "float32, 4 x 2 per row", "fix": "float64, 2 per row", "s": "text"}
    assert found == expected
    np.savez(tmp_path / "a.npz", **rows, x=np.arange(3.0), y=np.arange(3.0)[::-1])
    assert rows_of(tmp_path / "a.npz")["c[3]"][2] == "complex numbers"
    content = {"name": "table", "files": ["a.npz"], "inputs": ["x", "c"], "targets": ["y"]}
    with pytest.raises(UserError, match=r"a\.npz\.c: complex numbers\. Expected one real number per row"):
        list(DATASETS.parse(content).build([tmp_path / "a.npz"]))
    lists = pyarrow.array([[1.0, 2.0]] * 2, pyarrow.list_(pyarrow.float64(), 2))
    parquet.write_table(pyarrow.table({"fix": lists, "pair": [{"a": 1}] * 2}), tmp_path / "a.parquet")
    assert [row[2] for row in rows_of(tmp_path / "a.parquet").values()] == ["float64, 2 per row", "{a: int64}"]


def test_a_sample_of_some_rows_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("app.data.columns.PATIENCE", -1.0)
    monkeypatch.setattr("datasets.tracks.files.ROWS_PER_BLOCK", 8)
    np.savez_compressed(tmp_path / "a.npz", **states()[0])
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("t", dict.fromkeys(states()[1], "f8")).extend(states()[1])
    for name in ("a.npz", "a.root"):
        assert main(["inspect", str(tmp_path / name), "--rows", "10"]) == 0
        out = capsys.readouterr().out
        assert "the dataset track_states: 2 of 4 blocks are read" in out
        assert "(a sample: figures of the first 10 rows)" in out
        text = "reads 16 events in the first 2 of 4 blocks (a sample of 30 rows; its quality is not checked)"
        assert text in " ".join(out.split())
        assert f"{summarize(tmp_path / name, 10).popitem()[1][0].values.min():.6g}" in out
    assert "a.root:t: 3 of 10 columns are read" in out
    assert main(["inspect", "job.json", "--rows", "10"]) == 2
    assert "inspect.--rows: a job file is read whole" in capsys.readouterr().err


def test_names_are_found_without_reading_values(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.zeros((3, 2)), key=np.arange(3))
    assert [(c.name, len(c.values)) for c in summarize(tmp_path / "a.npz", 0)[""]] == [
        ("X[0]", 0),
        ("X[1]", 0),
        ("key[3]", 0),
    ]
