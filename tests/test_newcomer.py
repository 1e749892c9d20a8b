"""From a file of columns to a trained, compared, exported and predicted result by commands alone, without an editor."""

from __future__ import annotations

import numpy as np
import pytest
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
        ["predict", "zmumu_mlp", "--data", new, "--out", str(tmp_path / "new.csv")],
        ["show", "zmumu_mlp"],
        ["report", "--out", str(tmp_path / "report.html")],
    ]
    for command in commands:
        assert main(command) == 0, command
    printed = capsys.readouterr().out
    assert "boosted_trees" in printed
    predicted = Predictions.read(tmp_path / "new.csv")
    np.testing.assert_array_equal(predicted.columns["event"], np.arange(50))
    own = Predictions.read(tmp_path / "runs/zmumu_mlp/predictions.csv")
    both = np.flatnonzero(own.columns["event"] < 50)
    assert len(both)
    rows = own.columns["event"][both]
    np.testing.assert_allclose(predicted.predicted["M"][rows], own.predicted["M"][both], rtol=1e-5)
    assert np.corrcoef(own.predicted["M"], own.true["M"])[0, 1] > 0.9
