"""The first job that `wirechamber init` makes of any table of columns says what it guessed, and runs as it is."""

from __future__ import annotations

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import csv

from app.cli import main
from app.commands.init import first_job
from app.config.job_file import parse
from app.core.errors import UserError

ROWS = 60


@pytest.fixture
def columns():
    rng = np.random.default_rng(1)
    return {
        "run": np.full(ROWS, 7),
        "event": np.arange(ROWS),
        "pt": rng.uniform(1, 9, ROWS),
        "eta": rng.normal(0, 1, ROWS),
        "constant": np.ones(ROWS),
        "weight": rng.uniform(0, 2, ROWS),
        "label": np.where(np.arange(ROWS) % 3 > 0, "signal", "background"),
        "true_mass": rng.uniform(80, 100, ROWS),
    }


def job_of(tmp_path, columns, inputs=(), targets=(), name="a.csv", tree=None):
    csv.write_csv(pyarrow.table(columns), tmp_path / name)
    return first_job(tmp_path / name, tree, list(inputs), list(targets))


def test_names_and_values_say_what_is_what(tmp_path, columns, caplog):
    caplog.set_level("INFO")
    made = job_of(tmp_path, columns)
    assert 'the loss uses a weight with "weighting": {"name": "column", "column": "weight"}' in caplog.messages
    assert made["dataset"] == {
        "name": "table",
        "files": [str(tmp_path / "a.csv")],
        "inputs": ["pt", "eta"],
        "targets": {"label": {"classes": ["background", "signal"]}, "true_mass": ""},
        "extras": ["run", "event", "weight"],
        "key": ["run", "event"],
    }
    assert made["tasks"] == {
        "true_mass": {"targets": ["true_mass"], "loss": "mse"},
        "label": {"targets": ["label"], "loss": "binary_crossentropy"},
    }
    assert "targets are guessed from the names: label, true_mass; --targets says which" in caplog.text
    job = parse(made)
    source = job.dataset.build([tmp_path / "a.csv"])
    events = next(iter(source))
    np.testing.assert_array_equal(events.columns["label"], columns["label"] == "signal")
    assert source.extras.keys() == {"run", "event", "weight"}


def test_what_is_given_is_taken(tmp_path, columns, caplog):
    caplog.set_level("INFO")
    made = job_of(tmp_path, columns, ["eta", "constant"], ["pt"])
    assert made["dataset"]["inputs"] == ["eta", "constant"]
    assert "left out" not in caplog.text
    assert made["dataset"]["targets"] == {"pt": ""}
    with pytest.raises(UserError, match=r"unknown column\. Did you mean 'eta'\?"):
        job_of(tmp_path, columns, ["etaa"], ["pt"])


def test_without_a_hint_the_last_column_is_learned(tmp_path, columns, caplog):
    made = job_of(tmp_path, {name: columns[name] for name in ("pt", "constant", "eta")})
    assert made["dataset"]["targets"] == {"eta": ""}
    says = "no name says what to learn, so the last column is taken: eta, from pt; --inputs and --targets say which"
    assert says in caplog.messages
    assert made["dataset"]["inputs"] == ["pt"]
    assert "key" not in made["dataset"]
    with pytest.raises(UserError, match="no column is left for the inputs"):
        job_of(tmp_path, {"eta": columns["eta"]})


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("x0 y0 tx0 ty0 qop_MeV x1 y1 tx1 ty1", True),
        ("in_x in_y in_tx in_ty q_over_p out_x out_y out_tx out_ty", True),
        ("x y tx ty q/p true_x true_y true_tx true_ty", True),
        ("x0 y0 tx0 ty0 x1 y1 tx1 ty1", False),
        ("x y tx ty qop true_x", False),
        ("x1 y1 x2 y2 qop", False),
    ],
)
def test_columns_of_track_states_point_to_their_loader(tmp_path, caplog, names, found):
    job_of(tmp_path, dict(zip(names.split(), np.random.default_rng(1).normal(0, 1, (9, ROWS)), strict=False)))
    assert ("wirechamber list datasets track_states" in caplog.text) == found


def test_values_that_are_missing_and_classes_of_integers(tmp_path, columns):
    pt = np.where(np.arange(ROWS) == 3, np.nan, columns["pt"])
    made = job_of(tmp_path, {"pt": pt, "class": np.arange(ROWS) % 4})
    assert made["dataset"]["missing"] == "drop"
    assert made["tasks"]["class"]["head"] == {"name": "softmax", "classes": 4}
    assert made["tasks"]["class"]["loss"] == "categorical_crossentropy"
    assert parse(made).tasks["class"].targets == ("class",)


def test_columns_of_a_matrix_are_inputs(tmp_path):
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "b.npz", X=rng.normal(size=(ROWS, 3)), y=rng.normal(size=ROWS), image=np.zeros((ROWS, 99)))
    made = first_job(tmp_path / "b.npz", None, [], [])["dataset"]
    assert (made["inputs"], made["targets"]) == (["X[0]", "X[1]", "X[2]"], {"y": ""})


def test_columns_in_groups_have_short_names_where_no_other_is_called_so(tmp_path, columns):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("event", "pt", "weight", "true_mass"):
            file[f"events/{name}"] = columns[name]
        file["events/sub/eta"], file["other/eta"] = columns["eta"], -columns["eta"]
        file["other/label"] = columns["label"].astype("S10")
    made = first_job(tmp_path / "a.h5", None, [], [])
    assert made["dataset"] == {
        "name": "table",
        "files": [str(tmp_path / "a.h5")],
        "inputs": {"events/sub/eta": "", "other/eta": "", "pt": {"column": "events/pt"}},
        "targets": {
            "true_mass": {"column": "events/true_mass"},
            "label": {"column": "other/label", "classes": ["background", "signal"]},
        },
        "extras": {"event": {"column": "events/event"}, "weight": {"column": "events/weight"}},
        "key": ["event"],
    }
    source = parse(made).dataset.build([tmp_path / "a.h5"])
    events = next(iter(source))
    assert [column.name for column in source.inputs["features"].columns] == ["pt", "events/sub/eta", "other/eta"]
    np.testing.assert_allclose(events.inputs["features"][:, 0], columns["pt"], rtol=1e-6)
    np.testing.assert_array_equal(events.columns["label"], columns["label"] == "signal")
    chosen = first_job(tmp_path / "a.h5", None, ["events/pt"], ["other/eta"])["dataset"]
    assert (chosen["inputs"], chosen["targets"]) == ({"pt": {"column": "events/pt"}}, {"other/eta": ""})


def test_the_command_writes_a_job_that_is_valid(tmp_path, columns, capsys):
    csv.write_csv(pyarrow.table(columns), tmp_path / "zmm.csv")
    command = ["init", str(tmp_path / "zmm.csv"), "--inputs", "pt,eta", "--targets", "true_mass"]
    assert main([*command, "--out", str(tmp_path / "job.json")]) == 0
    assert json.loads((tmp_path / "job.json").read_text())["application"] == "zmm"
    assert main(["validate", str(tmp_path / "job.json")]) == 0
    assert "1 job, valid" in capsys.readouterr().out


def test_the_key_is_in_one_order_whatever_the_order_of_the_columns(tmp_path, columns):
    made = job_of(tmp_path, dict(reversed(list(columns.items()))))
    assert made["dataset"]["key"] == ["run", "event"]


def test_what_is_left_out_is_named_with_the_reason(tmp_path, columns, caplog):
    caplog.set_level("INFO")
    more = {
        "row": np.arange(ROWS),
        "eventNumber": np.arange(ROWS) % 7,
        "time": columns["pt"] + 1.7e9,
        "empty": np.full(ROWS, np.nan),
    }
    mixed = [*map(str, range(ROWS - 1)), "n/a!"]
    others = {name: values for name, values in columns.items() if name not in ("run", "event")}
    made = job_of(tmp_path, {**others, **more, "mixed": mixed}, targets=["true_mass"])
    assert made["dataset"]["inputs"] == ["pt", "eta"]
    for line in (
        "left out: constant (the same value in every row)",
        "left out: eventNumber (a number of the event)",
        "left out: time (float32 cannot tell its values apart)",
        "left out: empty (no finite value)",
        "left out: row (it counts the rows)",
        "left out: mixed (text, as 'n/a!', though 59 of 60 values look like numbers)",
        "left out: label (text, as 'background')",
    ):
        assert line in caplog.text
    with pytest.raises(
        UserError, match=r"--inputs.mixed: not a column of numbers. Expected a column of numbers. Received 'n/a!'"
    ):
        job_of(tmp_path, {**columns, "mixed": mixed}, ["mixed"], ["true_mass"])
    with pytest.raises(UserError, match=r"too few rows. Expected at least 3 rows to guess from. Received 1"):
        job_of(tmp_path, {name: values[:1] for name, values in columns.items()})
