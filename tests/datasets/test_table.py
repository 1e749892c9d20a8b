"""Tables of columns: every kind of file gives the same events; what cannot be read is named."""

from __future__ import annotations

import decimal
import subprocess
import sys

import awkward
import h5py
import numpy as np
import pyarrow
import pytest
import uproot
from pyarrow import csv, parquet

from app.config.job_file import parse
from app.core.errors import UserError
from app.core.files import find_files
from datasets import DATASETS
from datasets.tables import reader

ROWS = 200


@pytest.fixture
def columns():
    rng = np.random.default_rng(1)
    return {
        "px": rng.normal(0, 20, ROWS).astype(np.float32),
        "E": rng.uniform(1e3, 9e4, ROWS),
        "n": rng.integers(0, 9, ROWS).astype(np.int32),
        "M": rng.uniform(80, 100, ROWS),
        "Event": np.arange(ROWS, dtype=np.int64) + 2**60,
        "kind": np.where(rng.random(ROWS) < 0.5, "muon", "pion"),
    }


def write(path, columns):
    if path.suffix == ".root":
        with uproot.recreate(path) as file:
            file["events"] = {**columns, "kind": awkward.Array(columns["kind"].tolist())}
    elif path.suffix == ".npz":
        np.savez(path, **columns)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[f"events/{name}"] = values.astype("S") if values.dtype.kind == "U" else values
    else:
        content = pyarrow.table(columns)
        if path.suffix == ".csv":
            csv.write_csv(content, path)
        else:
            parquet.write_table(content, path, row_group_size=64)
    return path


def source(*paths, **changed):
    content = {"inputs": ["px", "n"], "targets": {"M": "GeV"}, **changed}
    spec = DATASETS.parse({"name": "table", "files": [str(path) for path in paths], **content})
    return spec.build(find_files([str(path) for path in paths]))


def events_of(*paths, **changed):
    made = source(*paths, **changed)
    return type(events := next(iter(made))).concatenate([events, *list(made)[1:]])


def refused(*paths, **changed):
    with pytest.raises(UserError) as caught:
        list(source(*paths, **changed))
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".root", ".npz", ".h5", ".parquet", ".csv"])
def test_what_is_in_a_file_of_any_kind_is_what_the_events_hold(tmp_path, columns, suffix):
    path = write(tmp_path / f"a{suffix}", columns)
    wanted = {"key": ["Event"], "extras": {"Event": "", "E": "MeV"}, "block_size": 64}
    wanted["targets"] = {"M": "GeV", "kind": {"classes": ["pion", "muon"]}}
    made = source(path, **wanted)
    assert (made.rows, len(made.blocks)) == (ROWS, 4)
    events = events_of(path, **wanted)
    np.testing.assert_array_equal(events.inputs["features"], np.stack([columns["px"], columns["n"]], -1))
    np.testing.assert_array_equal(events.columns["M"], columns["M"])
    np.testing.assert_array_equal(events.columns["Event"], columns["Event"])  # above 2^53: not one digit is lost
    np.testing.assert_array_equal(events.columns["kind"], columns["kind"] == "muon")
    np.testing.assert_allclose(events.columns["E"], columns["E"] / 1000, rtol=1e-15)
    assert made.extras["E"].unit == "GeV"
    assert (made.targets["kind"].classes, made.targets["M"].classes) == (("pion", "muon"), ())
    assert len(np.unique(events.key)) == ROWS


def test_the_split_of_a_row_is_the_same_in_every_kind_of_file(tmp_path, columns):
    paths = [write(tmp_path / f"a{suffix}", columns) for suffix in (".root", ".npz", ".h5", ".parquet", ".csv")]
    keys = [events_of(path, key=["Event", "kind"]).key for path in paths]
    assert all(np.array_equal(keys[0], other) for other in keys[1:])


def test_an_element_of_a_jagged_branch_is_missing_where_a_row_is_too_short(tmp_path):
    pt = awkward.Array([[3000.0, 5.0], [], [7000.0]])
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("t", {"mu.pt": "var * float64", "m": "float64"})
        file["t"].extend({"mu.pt": pt, "m": np.array([1.0, 2.0, 3.0])})
    wanted = {"inputs": {"pt": {"column": "mu.pt[0]", "unit": "MeV"}}, "targets": ["m"]}
    path = tmp_path / "a.root"
    assert "1 of 3 rows lack a value, the first is row 1. Expected finite numbers, or 'missing'" in refused(
        path, **wanted
    )
    dropped = events_of(path, **wanted, missing="drop")
    np.testing.assert_allclose(dropped.inputs["features"], [[3.0], [7.0]])
    assert dropped.columns["m"].tolist() == [1.0, 3.0]
    masked = events_of(path, **wanted, missing="mask")
    np.testing.assert_allclose(masked.inputs["features"], [[3.0, 0.0], [0.0, 1.0], [7.0, 0.0]])
    assert [c.name for c in source(path, **wanted, missing="mask").inputs["features"].columns] == ["pt", "pt_missing"]
    assert "mu.pt: not a column. Expected one number per row, as 'mu.pt[0]'" in refused(
        path, inputs={"pt": {"column": "mu.pt"}}, targets=["m"]
    )


def test_null_of_a_parquet_file_is_missing_and_lists_are_read_by_element(tmp_path):
    content = {"x": [1.0, None, 3.0], "hits": [[1, 2], [3], []], "y": [1, 2, 3]}
    parquet.write_table(pyarrow.table(content), tmp_path / "a.parquet", row_group_size=2)
    wanted = {"inputs": {"x": "", "second": {"column": "hits[1]"}}, "targets": ["y"], "missing": "mask"}
    events = events_of(tmp_path / "a.parquet", **wanted, block_size=1)
    np.testing.assert_array_equal(events.inputs["features"], [[1, 2, 0, 0], [0, 0, 1, 1], [3, 0, 0, 1]])


def test_structured_arrays_and_columns_of_a_matrix(tmp_path):
    table = np.array([(1.0, 2), (3.0, 4)], dtype=[("a", "f4"), ("b", "i8")])
    np.savez(tmp_path / "a.npz", T=table, X=np.array([[5.0, 6.0], [7.0, 8.0]]), single=np.array([9.0]))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["T"], file["X"] = table, np.array([[5.0, 6.0], [7.0, 8.0]])
    for name in ("a.npz", "a.h5"):
        events = events_of(tmp_path / name, inputs=["T.a", "X[1]"], targets=["T.b"])
        np.testing.assert_array_equal(events.inputs["features"], [[1, 6], [3, 8]])
        assert events.columns["T.b"].tolist() == [2, 4]
    assert "X[2]: too few elements. Expected at least 3 numbers per row" in refused(
        tmp_path / "a.npz", inputs=["X[2]"], targets=["T.b"]
    )


def test_expressions_and_selections_follow_from_other_columns(tmp_path, columns):
    path = write(tmp_path / "a.parquet", columns)
    wanted = {"inputs": {"r": {"expression": "sqrt(px**2 + E**2)"}}, "targets": {"E": "MeV"}}
    events = events_of(path, **wanted, select="(E > 20) & (n < 5)")  # E is in GeV here, as the job names it
    taken = (columns["E"] > 20e3) & (columns["n"] < 5)
    truth = np.hypot(columns["px"].astype(float), columns["E"] / 1000)[taken]
    np.testing.assert_allclose(events.inputs["features"][:, 0], truth, rtol=1e-6)
    np.testing.assert_allclose(events.columns["E"], columns["E"][taken] / 1000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("px +", "select: not an expression (invalid syntax)"),
        ("pq > 1", "dataset.select: unknown column in"),
        ("sqr(px) > 1", "cannot call 'sqr'. Did you mean 'sqrt'?"),
        ("__import__('os').system('true')", "cannot call \"__import__('os').system\""),
        ("px.__class__", "an expression cannot hold 'px.__class__'"),
        ("[px for px in n]", "an expression cannot hold '[px for px in n]'"),
        ("px > 1 and n > 1", "an expression cannot hold 'px > 1 and n > 1'"),
        ("1 < n < 3", "a chain of comparisons. Expected as '(1 < x) & (x < 3)'"),
        ("px + n", "dataset.select: not a selection. Expected a comparison, as 'pt > 5'"),
        ("kind > 3", "dataset.select: cannot be computed. Expected columns of numbers"),
    ],
)
def test_a_selection_with_a_mistake_is_named(tmp_path, columns, text, message):
    assert message in refused(write(tmp_path / "a.npz", columns), select=text)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"inputs": ["px", "m"]}, "dataset.inputs.m: unknown column in"),
        (
            {"targets": {"E": {"unit": "MeV", "to": "cm"}}},
            "MeV is a unit of energy and cannot be converted to cm, one of length",
        ),
        ({"targets": {"E": {"unit": "Mev", "to": "GeV"}}}, "targets.E.unit: unknown unit. Did you mean 'MeV'?"),
        ({"targets": ["kind"]}, 'kind: not a column of numbers. Expected numbers, or "classes": [...] in the dataset'),
        ({"targets": {"kind": {"classes": ["muon", "kaon"]}}}, "unknown class"),
        ({"targets": {"E": {"column": "E", "expression": "px"}}}, "give 'column' or 'expression', not both"),
        ({"inputs": ["px", "px"]}, "a column occurs twice"),
        ({"key": ["n"]}, "rows are duplicates"),
        ({"key": ["evnt"]}, "dataset.key: unknown column in"),
    ],
)
def test_what_a_job_says_wrong_of_a_column_is_named(tmp_path, columns, changed, message):
    assert message in refused(write(tmp_path / "a.npz", columns), **changed)


@pytest.mark.parametrize(("suffix", "kind"), [(".parquet", "Parquet"), (".h5", "HDF5"), (".root", "ROOT")])
def test_half_a_file_is_refused_or_skipped(tmp_path, columns, suffix, kind):
    whole, half = write(tmp_path / f"a{suffix}", columns), write(tmp_path / f"b{suffix}", columns)
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    assert f"b{suffix}: not a whole {kind} file" in refused(whole, half)
    assert len(events_of(whole, half, on_bad_file="skip")) == ROWS


def test_a_file_that_is_open_for_writing_elsewhere_is_named(tmp_path, columns):
    path = write(tmp_path / "a.h5", columns)
    code = f"import h5py; file = h5py.File({str(path)!r}, 'a'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        assert "a.h5: is open for writing elsewhere. Expected a file that is closed" in refused(path)
        other.communicate("\n")
    assert len(events_of(path)) == ROWS


def test_trees_of_several_files_are_named_by_a_pattern_and_with_a_cycle(tmp_path, columns):
    for name in ("a.root", "b.root"):
        write(tmp_path / name, {**columns, "M": columns["M"] + (name == "b.root")})
    assert len(events_of(f"{tmp_path}/*.root:events")) == 2 * ROWS
    assert len(events_of(f"{tmp_path}/a.root:events;1")) == ROWS
    assert "unknown tree" in refused(f"{tmp_path}/*.root:event")


def test_a_folder_of_tables_is_read_and_other_columns_are_refused(tmp_path, columns):
    write(tmp_path / "a.csv", columns)
    assert len(events_of(tmp_path)) == ROWS
    write(tmp_path / "b.csv", {name: values for name, values in columns.items() if name != "n"})
    assert "dataset.inputs.n: unknown column in" in refused(tmp_path)


def test_the_fingerprint_knows_content_columns_and_selection(tmp_path, columns):
    path = write(tmp_path / "a.h5", columns)
    first = source(path).fingerprint
    assert source(path).fingerprint == first
    others = [source(path, **changed).fingerprint for changed in ({"inputs": ["n", "px"]}, {"select": "n < 5"})]
    write(path, {**columns, "M": columns["M"] + 1e-9})
    others.append(source(path).fingerprint)
    assert len({first, *others}) == 4


def test_an_offset_that_float32_does_not_hold_is_refused_with_the_expression_that_removes_it(tmp_path, columns):
    """Times in s since 1970: float32 keeps steps of 128."""
    seconds = columns["M"] + 1.7e9
    path = write(tmp_path / "a.npz", {**columns, "t": seconds})
    text = refused(path, inputs=["t"])
    assert "float32 cannot tell most values of 't' apart: its offset is large beside its spread" in text
    assert "{'expression': 't - 1700000000'}" in text
    events = events_of(path, inputs={"t0": {"expression": "t - 1700000000"}})
    np.testing.assert_allclose(events.inputs["features"][:, 0], columns["M"], atol=1e-5)
    assert "'M2' apart" in refused(path, targets={"M2": {"column": "t"}})


def test_expressions_take_columns_as_the_job_names_and_converts_them(tmp_path, columns):
    path = write(tmp_path / "a.npz", {**columns, "a.b": columns["E"]})
    events = events_of(
        path,
        inputs={"E": "MeV", "twice": {"expression": "2 * E"}, "same": {"expression": "other"}},
        extras={"other": {"column": "a.b"}},
    )
    energies, twice, same = events.inputs["features"].T
    np.testing.assert_allclose(energies, columns["E"] / 1000, rtol=1e-6)
    np.testing.assert_allclose(twice, 2 * columns["E"] / 1000, rtol=1e-6)
    np.testing.assert_allclose(same, columns["E"], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"x,x,y\n1,2,3\n", "dataset.inputs.x: a column occurs twice in "),
        ("x,y\nM\u00fcller,3\n".encode("latin-1"), "x: cannot be read as a column ("),
        (b"1.5,2.5\n3.5,4.5\n", "the first line holds no names. Expected a name for each column in the first line"),
        (b"x,,y\n1,2,3\n", "the first line holds no names"),
        (b"\x1f\x8b\x08rest", "a.csv: is gzip. Expected text with a line of names"),
        (b"PAR1rest", "a.csv: is Parquet. Expected text with a line of names"),
        (b"x,y\n1,2\n3\n", "not a whole table of comma-separated values"),
    ],
)
def test_a_csv_that_is_none_is_one_line(tmp_path, text, message):
    (tmp_path / "a.csv").write_bytes(text)
    assert message in refused(tmp_path / "a.csv", inputs=["x"], targets=["y"])


@pytest.mark.parametrize("text", ["x;y\n1;2\n3;4\n", "x\ty\n1\t2\n3\t4\n", "# x, y\n1, 2\n3, 4\n"])
def test_other_dividers_and_blanks_around_names_are_read(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    events = events_of(tmp_path / "a.csv", inputs=["x"], targets=["y"])
    assert (events.inputs["features"][:, 0].tolist(), events.columns["y"].tolist()) == ([1, 3], [2, 4])


def test_decimal_numbers_are_read_and_structs_are_no_column(tmp_path):
    content = {
        "d": pyarrow.array([decimal.Decimal("1.25"), decimal.Decimal("2.50")]),
        "y": [1, 2],
        "s": [{"a": 1}, {"a": 2}],
    }
    parquet.write_table(pyarrow.table(content), tmp_path / "a.parquet")
    assert events_of(tmp_path / "a.parquet", inputs=["d"], targets=["y"]).inputs["features"].tolist() == [[1.25], [2.5]]
    assert "s: not a column. Expected one number per row" in refused(
        tmp_path / "a.parquet", inputs=["s"], targets=["y"]
    )


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_arrays_of_another_length_and_objects_harm_no_other(tmp_path, columns, suffix):
    path = write(tmp_path / f"a{suffix}", {**columns, "short": np.zeros(3)})
    assert len(events_of(path)) == ROWS
    assert "short: has 3 rows, and the table 200 in " in refused(path, inputs=["short"])
    np.savez(tmp_path / "b.npz", **columns, odd=np.array([{}] * ROWS, object))
    assert len(events_of(tmp_path / "b.npz")) == ROWS


def test_the_index_that_pandas_writes_is_called_index(tmp_path):
    (tmp_path / "a.csv").write_text(",x,y\n0,1.5,2\n1,2.5,3\n")
    assert events_of(tmp_path / "a.csv", inputs=["x"], targets=["y"], key=["index"]).columns["y"].tolist() == [2, 3]


def test_what_is_selected_is_said(tmp_path, columns, caplog):
    caplog.set_level("INFO")
    path = write(tmp_path / "a.npz", columns)
    events_of(path, select="n < 5")
    assert f"{path}: {np.sum(columns['n'] < 5)} of 200 rows are selected" in caplog.text


def test_without_truth_the_inputs_are_enough(tmp_path, columns):
    path = write(tmp_path / "a.csv", {name: columns[name] for name in ("px", "n")})
    events = events_of(path, truth=False, extras=["Event"], key=["Event"])
    assert (len(events), list(events.columns)) == (ROWS, [])


def test_all_mistakes_of_a_job_are_reported_together(tmp_path, columns):
    path = write(tmp_path / "a.parquet", columns)
    inputs = {"px": {"unit": "GeV", "to": "mm"}, "nn": "", "r": {"expression": "px +"}}
    lines = refused(path, inputs=inputs, targets=["Mm"], select="(px > 1", key=["Evnt"]).splitlines()
    assert [line.split(". ")[0] for line in lines] == [  # what `validate` finds without the data
        "inputs.px.unit: GeV is a unit of energy and cannot be converted to mm, one of length",
        "inputs.r.expression: not an expression (invalid syntax)",
        "select: not an expression ('(' was never closed)",
    ]
    lines = refused(path, inputs=["px", "nn"], targets=["Mm"], select="px > 1", key=["Evnt"]).splitlines()
    assert [line.split(". ")[0] for line in lines] == [
        f"dataset.inputs.nn: unknown column in {path}",
        f"dataset.targets.Mm: unknown column in {path}",
        f"dataset.key: unknown column in {path}",
    ]
    lines = refused(path, inputs=["kind"], targets={"M": "", "n": {"classes": ["a", "b"]}}).splitlines()
    assert [line.split(". ")[0] for line in lines] == [
        f"{path}.kind: not a column of numbers",
        f"{path}.n.row 0: unknown class",
    ]


def test_expressions_and_units_are_checked_without_the_data(small_job):
    data = {"name": "table", "files": ["absent.csv"], "selection": "(a >", "select": "1 < a < 2", "targets": ["y"]}
    inputs = {"a": {"unit": "GeV", "to": "mm"}, "b": {"expression": "open(a)"}}
    with pytest.raises(UserError) as caught:
        parse({**small_job, "dataset": {**data, "inputs": inputs}})
    assert [str(problem).split(". ")[0] for problem in caught.value.problems] == [
        "job.dataset.selection: not an expression ('(' was never closed)",
        "job.dataset.inputs.a.unit: GeV is a unit of energy and cannot be converted to mm, one of length",
        "job.dataset.inputs.b.expression: cannot call 'open'",
        "job.dataset.select: a chain of comparisons",
    ]


@pytest.mark.parametrize("missing", ["drop", "mask"])
@pytest.mark.parametrize("kept", [0, 70, 10_000])
def test_later_passes_give_the_events_of_the_first(tmp_path, columns, monkeypatch, missing, kept):
    monkeypatch.setattr(reader, "KEPT", kept)  # keys of no block, of one, of all blocks
    columns["E"][[3, 150]] = np.nan
    columns["M"][199] = np.inf
    chosen = {"inputs": ["px", "E"], "select": "n < 7", "missing": missing, "block_size": 64}
    opened = source(write(tmp_path / "a.npz", columns), **chosen)
    for first, later in zip(list(opened), list(opened), strict=True):
        assert first.key.tolist() == later.key.tolist()
        assert len(set(first.key)) == len(first)
        assert first.rows.tolist() == later.rows.tolist()
        np.testing.assert_array_equal(first.inputs["features"], later.inputs["features"])
        np.testing.assert_array_equal(first.columns["M"], columns["M"][later.rows])
