"""`wirechamber predict`: the figures of the run's own predictions, on files without truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
import uproot

from app.cli import main
from app.config.job_file import parse
from app.data.loading import simulated_folder
from app.predictions import Predictions


@pytest.fixture
def states(copied, simulated):
    """Start states of the run's data, as {"X": (N, 6)}, and what the run predicted of its test split."""
    job = parse(json.loads((copied / "runs/trained/job.json").read_text()))
    (shard,) = simulated_folder(job.dataset.options.simulate, simulated).glob("shard_*.npz")
    with np.load(shard) as content:
        arrays = {name: content[name] for name in content.files if name != "Y"}
    return arrays, Predictions.read(copied / "runs/trained/predictions.csv")


def test_files_without_truth_give_the_predictions_of_the_run(copied, states, capsys):
    arrays, own = states
    np.savez(copied / "new.npz", **arrays)
    assert main(["predict", "trained", "--data", str(copied / "new.npz"), "--out", str(copied / "p.csv")]) == 0
    printed = capsys.readouterr().out
    assert f"600 events predicted: {copied / 'p.csv'}\nunits: x [mm], y [mm]\n" in printed
    assert "outside of" not in printed
    predicted = Predictions.read(copied / "p.csv")
    assert predicted.true == {}
    np.testing.assert_allclose(predicted.columns["p"], arrays["P"], rtol=1e-6)
    at = np.array([np.argmin(np.abs(predicted.columns["p"] - p)) for p in own.columns["p"]])
    for target in ("x", "y", "tx", "ty"):
        np.testing.assert_allclose(predicted.predicted[target][at], own.predicted[target], rtol=1e-5, atol=1e-6)


def test_inputs_unlike_those_of_the_training_are_named(copied, states, capsys):
    arrays, _ = states
    arrays["X"] = np.array(arrays["X"])
    arrays["X"][:60, 0] += 3000.0
    np.savez(copied / "new.npz", **arrays)
    assert main(["predict", "trained", "--data", str(copied / "new.npz"), "--out", str(copied / "p.root")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "outside of" in line]
    assert len(lines) == 1
    low, high = json.loads((copied / "runs/trained/normalization.json").read_text())["ranges"]["state"][0]
    assert lines[0].startswith("10.")
    assert f"% of the events have x outside of {low:.4g} to {high:.4g}, where 99.8 % of the training" in lines[0]
    with uproot.open(copied / "p.root") as file:
        assert file["predictions"].num_entries == 600
        assert json.loads(file["about"])["run"] == "trained"


def test_a_run_of_before_says_that_the_ranges_are_not_known(copied, states, capsys):
    path = copied / "runs/trained/normalization.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({"columns": content["columns"]}))
    np.savez(copied / "new.npz", **states[0])
    assert main(["predict", "trained", "--data", str(copied / "new.npz")]) == 0
    assert "whether the inputs are like those of the training is not known" in capsys.readouterr().out
    assert (copied / "runs/trained/evaluation/predicted.csv").exists()


def test_mistakes_are_one_line(copied, states, capsys):
    np.savez(copied / "new.npz", **{**states[0], "X": states[0]["X"][:, :3]})
    for arguments, message in (
        (["--data", "new.npz"], "--data.0: no such file."),
        (
            ["--data", str(copied / "new.npz"), "--out", "p.txt"],
            "--out: no kind of file. Expected a name that ends in .csv or",
        ),
        (["--data", str(copied / "new.npz")], "not an array of track states. Expected the shape (N, 5 or more)"),
    ):
        assert main(["predict", "trained", *arguments]) == 2
        assert message in capsys.readouterr().err
