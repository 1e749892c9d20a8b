"""`wirechamber best`: what it prints, what it copies, and what it cannot."""

import json
import shutil

import pytest

from app.cli import main


@pytest.fixture
def run(copied):
    (copied / "runs" / "trained" / "model.onnx").write_bytes(b"a graph")
    return copied / "runs" / "trained"


def test_it_prints_and_copies_the_best_run(run, tmp_path, capsys):
    folder = tmp_path / "deployed" / "tracks"
    assert main(["best", "track_extrapolation", "--copy-to", str(folder)]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "trained: pos_mean_mm" in output
    assert "the best of 1 on SIMULATED, 600 tracks" in output
    names = {"model.keras", "model.onnx", "job.json", "metrics.json", "provenance.json", "normalization.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert all((folder / name).read_bytes() == (run / name).read_bytes() for name in names)
    assert "no model.onnx" not in output
    (run / "model.onnx").unlink()
    assert main(["best", "track_extrapolation", "--copy-to", str(folder)]) == 2
    assert "model.onnx: would stay next to the model of trained" in capsys.readouterr().err
    assert main(["best", "track_extrapolation", "--copy-to", str(tmp_path / "empty")]) == 0
    assert "no model.onnx: `wirechamber export trained` writes it" in capsys.readouterr().out


def test_data_that_are_described_by_the_same_words_are_told_apart(made_run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    for name, seed, file in (("one", 1, "events.csv"), ("two", 2, "events.parquet"), ("three", 2, "events.parquet")):
        job = made_run(name, seed=seed, dataset="4,000 rows") / "job.json"
        content = json.loads(job.read_text())
        content["dataset"] |= {"files": [f"/data/{file}"], "simulate": None}
        job.write_text(json.dumps(content))
    assert main(["best", "track_extrapolation"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "two: pos_mean_mm 1.25, the best of 2 on 4,000 rows (events.parquet, data2)"
    assert lines[-2:] == [
        "not compared: 1 run on other data",
        "  4,000 rows (events.csv, data1): one 1.25; --data data1",
    ]


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda run: (run / "provenance.json").write_text("{"), "provenance.json: cannot be read"),
    (lambda run: (run / "metrics.json").unlink(), "runs/trained: the run has not finished: there is no metrics.json"),
    (lambda run: (run / "model.keras").unlink(), "model.keras: the run has no model"),
])  # fmt: skip
def test_nothing_of_an_incomplete_run_is_copied(run, tmp_path, capsys, spoil, message):
    spoil(run)
    assert main(["best", "track_extrapolation", "--copy-to", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unknown_names(run, tmp_path, capsys):
    assert main(["best", "track_extrapolatio"]) == 2
    assert "unknown application. Did you mean 'track_extrapolation'?" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["best", "track_extrapolation", "--copy-to", str(tmp_path / "file")]) == 2
    assert "cannot be made" in capsys.readouterr().err
    assert json.loads((run / "job.json").read_text())["name"] == "trained"
    shutil.rmtree(run)
    assert main(["best", "track_extrapolation", "--copy-to", str(tmp_path / "new")]) == 2
    assert "runs/trained: the run's directory is not on this machine." in capsys.readouterr().err
    shutil.rmtree(tmp_path / "registry")
    assert main(["best", "track_extrapolation"]) == 2
    assert "registry: no run in the registry. Expected a run that is done." in capsys.readouterr().err
