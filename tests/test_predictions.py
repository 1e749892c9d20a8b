import csv
from dataclasses import fields

import numpy as np
import pytest
import uproot

from app.api import read_predictions
from app.core.errors import UserError
from app.export.root_file import write_root
from app.predictions import TASK_OUTPUTS, Predictions, output_columns, output_name


@pytest.fixture
def predictions():
    random = np.random.default_rng(0)
    return Predictions(
        np.array([0, 2**53 + 1, 2**64 - 1], np.uint64),
        {"x": random.normal(0, 1000, 3), "tx": random.normal(0, 1, 3)},
        {"x": random.normal(0, 1000, 3).astype(np.float32), "tx": random.normal(0, 1, 3)},
        {"straight_line": {"x": np.array([1e-12, -1e300, 0.1]), "tx": np.zeros(3)}},
        {"p": np.array([2.0, 10.0, 100.0])},
    )


def test_read_gives_what_was_written(predictions, tmp_path):
    path = tmp_path / "predictions.csv"
    predictions.write(path)
    assert path.read_text().partition("\n")[0] == "key,p,true_x,true_tx,pred_x,pred_tx,straight_line.x,straight_line.tx"
    again = Predictions.read(path)
    assert again.key.tolist() == [0, 2**53 + 1, 2**64 - 1]  # a float would lose the last two
    assert again.key.dtype == np.uint64
    for ours, theirs in (
        (predictions.true, again.true),
        (predictions.predicted, again.predicted),
        (predictions.baselines["straight_line"], again.baselines["straight_line"]),
        (predictions.columns, again.columns),
    ):
        assert list(ours) == list(theirs)
        for name, values in ours.items():
            np.testing.assert_allclose(theirs[name], values, rtol=5e-9)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]


def test_float32_survives_exactly(predictions, tmp_path):
    predictions.write(tmp_path / "p.csv")
    again = Predictions.read(tmp_path / "p.csv").predicted["x"].astype(np.float32)
    np.testing.assert_array_equal(again, predictions.predicted["x"])


LARGE = {
    "atlas": np.array([5000000009, 0, -7], np.int64),
    "ns": 1764000000000000000 + 25 * np.arange(3),
    "signed": np.array([-(2**63), 2**53 + 1, 2**63 - 1], np.int64),
    "unsigned": np.array([2**64 - 1, 2**63 + 1, 0], np.uint64),
    "good": np.array([True, False, True]),
}
"""Extra columns that float64, or nine digits, do not hold."""


def test_integers_come_back_as_they_were(tmp_path):
    none = {"x": np.zeros(3)}
    Predictions(np.arange(3, dtype=np.uint64), none, none, {}, LARGE).write(tmp_path / "p.csv")
    first = "0,5000000009,1764000000000000000,-9223372036854775808,18446744073709551615,1,0,0"
    assert (tmp_path / "p.csv").read_text().splitlines()[1] == first
    again = Predictions.read(tmp_path / "p.csv")
    for name, values in LARGE.items():
        assert again.columns[name].dtype.kind in "iu", name
        assert again.columns[name].tolist() == values.tolist(), name
    assert again.select(np.array([2])).only(["x"]).columns["ns"].tolist() == [1764000000000000050]


def test_an_extra_column_keeps_the_digits_that_float32_does_not_hold(tmp_path):
    seconds = np.array([1764000000.123456, -0.0, np.nan, np.inf])
    columns = {"seconds": seconds, "zero": np.array([-0.0, 1, 2, 3])}
    single = np.float32([0.1, 2, 3e-9, 4])
    none = {"x": np.full(4, 0.1)}
    Predictions(np.arange(4, dtype=np.uint64), none, none, {}, {**columns, "p": single}).write(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().splitlines()[1] == "0,1764000000.123456,-0,0.100000001,0.1,0.1"
    again = Predictions.read(tmp_path / "p.csv").columns
    for name, values in columns.items():
        assert again[name].view(np.uint64).tolist() == values.view(np.uint64).tolist(), name
    assert again["p"].astype(np.float32).tolist() == single.tolist()


def test_numbers_of_events_as_version_0_1_wrote_them_are_read(tmp_path):
    (tmp_path / "p.csv").write_text("key,event,run,true_x,pred_x\n7,5.00000001e+09,300000,1,2\n8,12,300000,1,2\n")
    again = Predictions.read(tmp_path / "p.csv")
    assert again.columns["event"].tolist() == [5000000010.0, 12.0]
    assert again.columns["run"].tolist() == [300000, 300000]
    assert again.columns["run"].dtype == np.int64
    assert again.true["x"].dtype == np.float64


def test_blocks_of_different_types_are_joined_without_rounding():
    none = {"x": np.zeros(2)}

    def block(*values, kind):
        return Predictions(np.arange(2, dtype=np.uint64), none, none, {}, {"event": np.array(values, kind)})

    joined = Predictions.concatenate([block(2**53 + 1, 5, kind=np.int64), block(2**64 - 1, 6, kind=np.uint64)])
    assert joined.columns["event"].tolist() == [2**53 + 1, 5, 2**64 - 1, 6]
    joined = Predictions.concatenate([block(-1, 5, kind=np.int64), block(2**62 + 1, 6, kind=np.uint64)])
    assert joined.columns["event"].tolist() == [-1, 5, 2**62 + 1, 6]
    for one, kind in ((2**64 - 1, np.uint64), (0.5, np.float64)):
        with pytest.raises(UserError, match=r"dataset\.files\.event: integers above 2\^53 next to .*Expected one type"):
            Predictions.concatenate([block(-1, 2**53 + 1, kind=np.int64), block(one, 6, kind=kind)])


def test_a_root_file_keeps_the_types_of_integers(tmp_path):
    none = {"x": np.zeros(3)}
    columns = {**LARGE, "small": np.array([1, -2, 3], np.int16), "swapped": np.array([1, 2, 2**40], ">i8")}
    write_root(tmp_path / "p.root", Predictions(np.arange(3, dtype=np.uint64), none, none, {"a": none}, columns), {})
    with uproot.open(tmp_path / "p.root") as file:
        found = file["predictions"].arrays(library="np")
    for name, values in columns.items():
        assert found[name].tolist() == values.tolist(), name
        assert (found[name].dtype.kind, found[name].dtype.itemsize) == (values.dtype.kind, values.dtype.itemsize), name
    assert found["a_x"].dtype == np.float64


def test_blocks_of_rows_are_written_whole(tmp_path):
    rows = 9001
    many = Predictions(np.arange(rows, dtype=np.uint64), {"a": np.arange(rows) * 0.5}, {"a": np.arange(rows) * 2.0})
    many.write(tmp_path / "p.csv")
    again = Predictions.read(tmp_path / "p.csv")
    np.testing.assert_array_equal(again.key, many.key)
    np.testing.assert_array_equal(again.predicted["a"], many.predicted["a"])


def test_texts_come_back_and_numbers_beside_them_keep_their_type(tmp_path):
    further = {
        "row": np.arange(3),
        "class_kind": np.array(["e, mu", 'say "pi"', " #1 "]),
        "name": np.array(["two\nlines", "", "7"]),
        "event": np.array([2**60 + 1, 5, -7]),
        "p": np.array([0.5, np.nan, 2.0]),
    }
    key, chance = np.array([1, 2**64 - 1, 3], np.uint64), {"kind_0": np.array([0.1, 0.25, 1.0])}
    Predictions(key, {}, {"kind": np.arange(3)}, {}, further, {}, chance).write(tmp_path / "p.csv")
    again = Predictions.read(tmp_path / "p.csv")
    assert again.key.tolist() == key.tolist()
    assert (again.true, again.predicted["kind"].tolist()) == ({}, [0, 1, 2])
    assert again.probability["kind_0"].tolist() == [0.1, 0.25, 1]
    assert list(again.columns) == list(further)
    for name, values in further.items():
        np.testing.assert_array_equal(again.columns[name], values)
        assert again.columns[name].dtype.kind == values.dtype.kind, name
    again.select(np.array([2, 0])).write(tmp_path / "q.csv")
    assert read_predictions(tmp_path / "q.csv").columns["name"].tolist() == ["7", "two\nlines"]


def test_a_root_file_is_no_csv_of_predictions(predictions, tmp_path):
    write_root(tmp_path / "p.root", predictions, {})
    with pytest.raises(
        UserError, match=r"p\.root: ROOT files are not read as predictions\. Expected a run or the \.csv"
    ):
        read_predictions(tmp_path / "p.root")
    with pytest.raises(UserError, match=r"none\.csv: cannot be read as predictions .*No such file"):
        read_predictions(tmp_path / "none.csv")


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(predictions, tmp_path, rows):
    predictions.select(np.arange(rows)).write(tmp_path / "p.csv")
    again = Predictions.read(tmp_path / "p.csv")
    assert len(again) == rows
    assert len(again.true["tx"]) == rows


def test_select_and_only(predictions):
    chosen = predictions.select(predictions.columns["p"] > 5)
    assert len(chosen) == 2
    assert chosen.columns["p"].tolist() == [10, 100]
    assert chosen.baselines["straight_line"]["x"].tolist() == [-1e300, 0.1]
    assert list(predictions.only(["tx"]).true) == ["tx"]
    line = predictions.of_baseline("straight_line")
    assert line.predicted["x"][2] == 0.1
    assert line.true is predictions.true


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "does not begin with 'key,'"),
        ("event,true_x\n1,2\n", "does not begin with 'key,'"),
        ("key,true_x\n1,2\n2,3", "the last line is cut off"),
        ("key,true_x,pred_x\n1,2\n", "3 columns are named, the rows have 2"),
        ("key,true_x\n1,2\n2\n", "number of columns changed"),
        ("key,true_x\n1,two\n", "could not convert string 'two'"),
        ("key,class_x,pred_x\n1,a,2\n2,b,3,4\n", "3 columns are named, the rows have 4"),
        ("key,class_x,pred_x\n1,a,b\n", "could not convert string 'b'"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, why):
    path = tmp_path / "p.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=f"p.csv: cannot be read as predictions .*{why}"):
        Predictions.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"p\.csv: cannot be read as predictions .*No such file"):
        Predictions.read(tmp_path / "p.csv")


def test_the_table_of_outputs_names_fields_and_columns():
    assert {"predicted" if name == "value" else name for name in TASK_OUTPUTS} <= {f.name for f in fields(Predictions)}
    targets = ("dx", "dy", "dz")
    assert [output_name("t", output) for output in TASK_OUTPUTS] == [
        *("t", "t_sigma", "t_probability", "t_concentration", "t_spread")
    ]
    assert output_columns("spread", "t", targets, 3) == output_columns("value", "t", targets, 3) == list(targets)
    assert output_columns("spread", "t", targets, 1) == output_columns("concentration", "t", targets, 1) == ["t"]
    assert output_columns("spread", "t", ("n",), 2) == output_columns("probability", "t", ("n",), 2) == ["n_0", "n_1"]


ODD = [
    *("spacePoint.x", "a,b", 'a"b', "two words", " x ", "a\nb", "a\r\nb", "dE/dx", "pi+", "|p|", "`x`", "<b>&amp;"),
    *("$(x)", "100%", "größe", "😀", "-x", "..", "#x", "'x'", "x" * 255, "pred_x", "true_", "key"),
]
"""Names as branches of other programs have them, or as they could be."""


def odd_predictions(rows=3):
    """Return predictions in which every target, baseline's target and further column has such a name."""
    first = {name: np.arange(rows) + 100.0 * i for i, name in enumerate(ODD)}
    further = {f"true_{name}": np.arange(rows, dtype=np.int64) - i for i, name in enumerate(ODD[:12])}
    further |= {"straight_line.x": np.full(rows, 2**60 + 1), "": np.arange(rows) * 0.5}
    baseline = {"straight_line": {name: values + 2 for name, values in first.items()}}
    truth = {f"t{name}": values for name, values in first.items()}
    key = np.arange(rows, dtype=np.uint64)
    return Predictions(key, truth, {n: v + 1 for n, v in truth.items()}, baseline, further, {"t.": key * 0.5})


@pytest.mark.parametrize("rows", [0, 3])
def test_every_name_of_a_column_comes_back_from_the_csv(tmp_path, rows):
    ours = odd_predictions(rows)
    ours.write(tmp_path / "p.csv")
    again = Predictions.read(tmp_path / "p.csv")
    for part in ("true", "predicted", "columns", "sigma"):
        found = {name: values.tolist() for name, values in getattr(again, part).items()}
        assert found == {name: values.tolist() for name, values in getattr(ours, part).items()}, part
    assert {n: v.tolist() for n, v in again.baselines["straight_line"].items()} == {
        name: values.tolist() for name, values in ours.baselines["straight_line"].items()
    }
    with (tmp_path / "p.csv").open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    assert header == ["key", *ours.flat()]
    assert len(lines) == rows


def test_no_branch_of_a_root_file_hides_another(tmp_path):
    ours = odd_predictions()
    write_root(tmp_path / "p.root", ours, {})
    with uproot.open(tmp_path / "p.root") as file:
        found = file["predictions"].arrays(library="np")
    flat = ours.flat()
    assert len(found) == len(flat) + 1
    assert not any("." in name or "/" in name for name in found)
    for name in flat:
        if "." not in name and "/" not in name:
            assert found[name].tolist() == flat[name].tolist(), name
    assert found["true_spacePoint_x"].tolist() == flat["true_spacePoint.x"].tolist()
    none = {"x": np.zeros(1)}
    columns = {"a.b": np.array([1]), "a_b": np.array([2]), "a/b": np.array([3]), "c_x": np.array([4])}
    write_root(tmp_path / "q.root", Predictions(np.ones(1, np.uint64), none, none, {"c": none}, columns), {})
    with uproot.open(tmp_path / "q.root") as file:
        found = file["predictions"].arrays(library="np")
    expected = {"key": 1, "a_b_2": 1, "a_b": 2, "a_b_3": 3, "c_x": 4, "true_x": 0, "pred_x": 0, "c_x_2": 0}
    assert {name: values.item() for name, values in found.items()} == expected
