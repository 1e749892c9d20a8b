from dataclasses import fields

import numpy as np
import pytest

from app.core.errors import UserError
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


def test_blocks_of_rows_are_written_whole(tmp_path):
    rows = 9001
    many = Predictions(np.arange(rows, dtype=np.uint64), {"a": np.arange(rows) * 0.5}, {"a": np.arange(rows) * 2.0})
    many.write(tmp_path / "p.csv")
    again = Predictions.read(tmp_path / "p.csv")
    np.testing.assert_array_equal(again.key, many.key)
    np.testing.assert_array_equal(again.predicted["a"], many.predicted["a"])


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
