"""From a file of columns to a trained, compared, exported and predicted result by commands alone, without an editor."""

from __future__ import annotations

import h5py
import numpy as np
import pyarrow
import pytest
import uproot
from pyarrow import csv, parquet

from app.cli import main
from app.predictions import Predictions

ROWS = 3000


def dimuons():
    """The momenta of two muons, the invariant mass [GeV], and which pairs are from a Z boson."""
    rng = np.random.default_rng(1)
    pt1, pt2 = rng.uniform(5, 60, (2, ROWS))
    eta1, eta2 = rng.uniform(-2.4, 2.4, (2, ROWS))
    phi1, phi2 = rng.uniform(-np.pi, np.pi, (2, ROWS))
    mass = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))
    columns = {"run": np.full(ROWS, 1), "event": np.arange(ROWS), "pt1": pt1, "eta1": eta1, "phi1": phi1}
    columns |= {"pt2": pt2, "eta2": eta2, "phi2": phi2, "M": mass}
    return {**columns, "label": np.where(mass > 60, "Z", "other")}


def write(path, columns):
    if path.suffix == ".root":
        numbers = {name: values for name, values in columns.items() if values.dtype.kind != "U"}
        with uproot.recreate(path) as file:
            file.mktree("events", {name: values.dtype for name, values in numbers.items()}).extend(numbers)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[f"events/{name}"] = values.astype("S") if values.dtype.kind == "U" else values
    else:
        (parquet.write_table if path.suffix == ".parquet" else csv.write_csv)(pyarrow.table(columns), path)
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".root", ".h5", ".parquet", ".csv"])
def test_a_file_of_columns_becomes_predictions(tmp_path, suffix, capsys):
    columns = dimuons()
    data = write(tmp_path / f"zmumu{suffix}", columns)
    new = write(tmp_path / f"new{suffix}", {n: v[:50] for n, v in columns.items() if n not in ("M", "label")})
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
