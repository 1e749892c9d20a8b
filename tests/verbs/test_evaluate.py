"""`wirechamber evaluate` and the same from a notebook: a finished run's model measured again, or on other data."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from app import evaluate
from app.cli import main
from app.core.errors import UserError

INPUTS = ("x", "y", "tx", "ty", "qop", "dz")


def metrics(path):
    return json.loads(path.read_text())["state"]["model"]


@pytest.fixture
def others(tmp_path):
    folder = tmp_path / "others"
    words = ("--tracks", "80", "--seed", "7", "--momentum", "5", "100", "--accuracy", "1")
    assert main(["simulate", "track_states", "--out", str(folder), *words]) == 0
    return folder / "shard_00000.npz"


def test_the_test_split_again_gives_the_same_figures(copied, capsys):
    run = copied / "runs" / "trained"
    before, predictions = metrics(run / "metrics.json"), (run / "predictions.csv").read_text()
    (run / "metrics.json").unlink()
    (run / "predictions.csv").unlink()
    assert main(["evaluate", "trained"]) == 0
    after = metrics(run / "metrics.json")
    assert after.pop("bins") == [pytest.approx(one, rel=1e-5) for one in before.pop("bins")]
    assert after == pytest.approx(before, rel=1e-5)
    assert len((run / "predictions.csv").read_text().splitlines()) == len(predictions.splitlines())
    assert "polynomial" in capsys.readouterr().out


def test_other_files_are_measured_whole_beside_the_run(copied, others, capsys):
    run = copied / "runs" / "trained"
    before = (run / "metrics.json").read_bytes()
    assert main(["evaluate", str(run), "--data", str(others)]) == 0
    assert (run / "metrics.json").read_bytes() == before
    found = metrics(run / "evaluation" / "metrics.json")
    assert found["rows"] == 80
    output = capsys.readouterr().out
    assert "pos_mean_mm on the given files (80 events)" in output
    assert "was trained on" not in output
    with (run / "evaluation" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    error = [np.hypot(float(r["pred_x"]) - float(r["true_x"]), float(r["pred_y"]) - float(r["true_y"])) for r in rows]
    assert np.mean(error) == pytest.approx(found["pos_mean_mm"], rel=1e-5)
    assert main(["evaluate", str(run), "--data", str(others), "--out", str(copied / "new" / "deep")]) == 0
    assert metrics(copied / "new" / "deep" / "metrics.json") == found


def test_events_that_were_trained_on_are_called_so(copied, simulated, predicted, capsys):
    for path in simulated.glob("*/shard_00000.npz"):
        with np.load(path) as data:
            if np.isin(predicted["key"], data["key"]).all():
                break
    assert main(["evaluate", "trained", "--data", str(path)]) == 0
    assert "the network was trained on 476 of these 600 events" in capsys.readouterr().out


def test_a_notebook_gets_the_predictions_of_the_run(trained, predicted, tracks):
    """Input columns by name, as arrays or lists, to targets by name, in physical units."""
    loaded = evaluate.load(str(trained / "runs" / "trained"))
    columns = {name: tracks["X"][:, i] for i, name in enumerate(INPUTS)}
    found = loaded.predict(columns)
    assert list(found) == ["x", "y", "tx", "ty"]
    one = loaded.predict({name: [float(values[3])] for name, values in columns.items()})
    for name, values in found.items():
        np.testing.assert_allclose(values, predicted[f"pred_{name}"], rtol=1e-5, atol=1e-4)
        assert one[name] == pytest.approx(values[3:4], rel=1e-5, abs=1e-4)


def test_what_cannot_be_evaluated(copied, capsys, tmp_path):
    assert main(["evaluate", "traned"]) == 2
    assert "traned: no such run. Did you mean 'trained'?" in capsys.readouterr().err
    assert main(["evaluate", "trained", "--data", str(tmp_path / "absent.npz")]) == 2
    assert "--data.0: no such file." in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["evaluate", "trained", "--out", str(tmp_path / "file" / "out")]) == 2
    assert "cannot be made" in capsys.readouterr().err
    (copied / "runs" / "trained" / "model.keras").unlink()
    assert main(["evaluate", "trained"]) == 2
    assert "the run has no model yet" in capsys.readouterr().err
    with pytest.raises(UserError, match="the run has no model yet"):
        evaluate.load("trained")


def test_a_notebook_is_told_which_column_is_missing(trained):
    loaded = evaluate.load(str(trained / "runs" / "trained"))
    with pytest.raises(UserError, match=r"qop: missing input column\. Expected the columns \['x', 'y', 'tx'"):
        loaded.predict({name: [1.0] for name in INPUTS if name != "qop"})
