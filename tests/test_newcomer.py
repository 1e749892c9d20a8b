"""From a file of columns to a trained, compared, exported and predicted result by commands alone, without an editor."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from loader_files import FAMILIES, TRUTH, write
from newcomer import dimuons, write_columns

from app.cli import main
from app.predictions import Predictions


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".root", ".h5", ".parquet", ".csv"])
def test_a_file_of_columns_becomes_predictions(tmp_path, suffix, capsys):
    columns = dimuons(3000)
    data = write_columns(tmp_path / f"zmumu{suffix}", columns)
    new = write_columns(tmp_path / f"new{suffix}", {n: v[:50] for n, v in columns.items() if n not in ("M", "label")})
    job, inputs = str(tmp_path / "job.json"), "pt1,eta1,phi1,pt2,eta2,phi2"
    targets = "M" if suffix == ".root" else "M,label"
    commands = [
        ["init", data, "--inputs", inputs, "--targets", targets, "--out", job],
        ["run", "--config", job, "--set", "training.epochs=40"],
        ["run", "--config", job, "--set", "name=wide", "--set", "model.preset=tiny", "--set", "training.epochs=2"],
        ["compare", "zmumu_mlp", "wide"],
        ["export", "zmumu_mlp"],
        ["predict", "zmumu_mlp", "--data", new, "--out", str(tmp_path / "predicted.csv")],
        ["show", "zmumu_mlp"],
        ["report", "--out", str(tmp_path / "report.html")],
    ]
    for command in commands:
        assert main(command) == 0, command
    printed = capsys.readouterr().out
    assert "boosted_trees" in printed
    with (tmp_path / "predicted.csv").open() as file:
        predicted = list(csv.DictReader(file))
    assert [row["event"] for row in predicted] == [str(event) for event in range(50)]
    assert {row.get("class_label", "Z") for row in predicted} == ({"Z"} if suffix == ".root" else {"Z", "other"})
    own = Predictions.read(tmp_path / "runs/zmumu_mlp/predictions.csv")
    both = np.flatnonzero(own.columns["event"] < 50)
    assert len(both)
    rows = own.columns["event"][both]
    masses = np.array([float(row["pred_M"]) for row in predicted])
    np.testing.assert_allclose(masses[rows], own.predicted["M"][both], rtol=1e-5)
    assert np.corrcoef(own.predicted["M"], own.true["M"])[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["layers.npz", "muons.root", "planes.npz", "volumes.npz"])
def test_a_file_that_a_loader_knows_becomes_predictions(tmp_path, name, capsys):
    arrays = FAMILIES[name][1]()
    (tmp_path / "new").mkdir()
    write(tmp_path / name, arrays)
    write(tmp_path / "new" / name, {n: values for n, values in arrays.items() if n not in TRUTH[name]})
    job, out = str(tmp_path / "job.json"), tmp_path / "new.csv"
    assert main(["init", str(tmp_path / name), "--out", job]) == 0
    assert main(["run", job, "--set", "training.epochs=1", "--set", "training.batch_size=2", "--set", "plots=[]"]) == 0
    run = json.loads((tmp_path / "job.json").read_text())["name"]
    assert main(["predict", run, "--data", str(tmp_path / "new" / name), "--out", str(out)]) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == [str(row) for row in range(len(rows))]
    assert not [column for column in rows[0] if column.startswith("true_")]
    assert f"{len(rows)} events predicted" in capsys.readouterr().out
