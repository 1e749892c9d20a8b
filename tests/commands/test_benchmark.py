"""`wirechamber benchmark` on a finished run, and what it refuses before it measures anything."""

import json
import shutil

import pytest

import registry
from app.benchmark import engines, runge_kutta
from app.cli import main
from app.commands.benchmark import show_runge_kutta


@pytest.mark.slow
def test_benchmark_writes_and_prints_its_measurements(copied, capsys, monkeypatch):
    monkeypatch.setattr(runge_kutta, "STEPS", (5, 10))
    monkeypatch.setattr(engines, "MATRIX", 256)  # tests/benchmark measures large ones
    arguments = ["--batch-sizes", "32", "1", "--warmup", "1", "--iterations", "3", "--n-tracks", "500"]
    shutil.copytree(copied / "runs" / "trained", copied / "runs" / "second")
    assert main(["benchmark", "trained", "second", *arguments]) == 0
    output = capsys.readouterr().out
    assert "FLOPs per event" in output
    assert output.count("Runge-Kutta on the same tracks") == 1
    content = json.loads((copied / "runs" / "trained" / "benchmark.json").read_text())
    assert list(content["batch_sizes"]) == ["1", "32"]
    one = content["batch_sizes"]["32"]
    fastest = min(figures["median"] for figures in one["engines"]["cpu"].values())
    assert one["inference_time_cpu"] == fastest
    assert one["throughput_cpu"] == pytest.approx(32 / fastest)
    assert {row["steps"] for row in content["runge_kutta"] if "xla" in row["engine"]} == {5, 10}
    metrics = json.loads((copied / "runs" / "trained" / "metrics.json").read_text())
    assert content["pos_mean_mm"] == pytest.approx(metrics["state"]["model"]["pos_mean_mm"], rel=1e-4)
    assert content["verdict"] in output
    other = json.loads((copied / "runs" / "second" / "benchmark.json").read_text())
    assert other["runge_kutta"] == content["runge_kutta"]  # measured once for runs on the same data
    assert other["batch_sizes"] != content["batch_sizes"]


def test_the_rows_of_runge_kutta_are_printed_once_for_runs_on_the_same_tracks(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    rows = [{"engine": "rk4_numpy", "steps": 5, "pos_mean_mm": 0.5, "throughput": 1e6}]
    sizes = {"1": {"throughput_cpu": 2e3}}
    facts = {"batch_sizes": sizes, "runge_kutta": rows}
    show_runge_kutta({
        "one": {**facts, "pos_mean_mm": 0.25, "verdict": "slower than Runge-Kutta"},
        "two": {**facts, "pos_mean_mm": 0.125, "verdict": "faster than Runge-Kutta"},
    })  # fmt: skip
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if len(line) == 4][-3:] == [
        ["one", "", "0.250", "2,000"],
        ["two", "", "0.125", "2,000"],
        ["rk4_numpy", "5", "0.500", "1,000,000"],
    ]
    assert lines[-2:] == [["one: slower than Runge-Kutta"], ["two: faster than Runge-Kutta"]]


def test_runs_that_cannot_be_benchmarked(copied, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["benchmark", "trained", "--batch-sizes", "0"])
    assert stopped.value.code == 2
    assert "expected a whole number of at least 1, received '0'" in capsys.readouterr().err
    assert main(["benchmark", "trained", "absent"]) == 2
    assert "absent: no such run" in capsys.readouterr().err
    registry.update(registry.root(), "trained", state="failed", reason="NaN")
    assert main(["benchmark", "trained"]) == 2
    assert "the run is failed (NaN)" in capsys.readouterr().err
    assert not (copied / "runs" / "trained" / "benchmark.json").exists()


def test_everything_is_looked_at_before_the_first_run_is_measured(copied, capsys):
    first, second = copied / "runs" / "trained", copied / "runs" / "second"
    shutil.copytree(first, second)
    assert main(["benchmark", "trained", str(first)]) == 2
    assert capsys.readouterr().err == "trained: given twice. Expected different runs.\n"
    (second / "normalization.json").write_text("[]")
    assert main(["benchmark", "trained", "second"]) == 2
    assert "second/normalization.json: holds no JSON object" in capsys.readouterr().err
    (second / "model.keras").write_bytes((first / "model.keras").read_bytes()[:5000])
    (second / "normalization.json").write_bytes((first / "normalization.json").read_bytes())
    assert main(["benchmark", "trained", "second"]) == 2
    assert "second/model.keras: cannot be read as a model" in capsys.readouterr().err
    assert not (first / "benchmark.json").exists()


def test_batches_that_do_not_fit(copied, capsys):
    assert main(["benchmark", "trained", "--batch-sizes", "1000000000"]) == 2
    error = capsys.readouterr().err
    assert error == "--batch-sizes: no batch fits into memory. Expected 8192 at most. Received [1000000000].\n"
    assert not (copied / "runs" / "trained" / "benchmark.json").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--batch-sizes", "-1"], "--batch-sizes: expected a whole number of at least 1, received '-1'."),
        (["--batch-sizes", "4", "1e9"], "--batch-sizes: expected a whole number of at least 1, received '1e9'."),
        (["--warmup", "-1"], "--warmup: expected a whole number of at least 1, received '-1'."),
        (["--iterations", "0"], "--iterations: expected a whole number of at least 1, received '0'."),
        (["--n-tracks", "0"], "--n-tracks: expected a whole number from 1 to 10000000, received '0'."),
        (["--n-tracks", "1000000000000"], "--n-tracks: expected a whole number from 1 to 10000000, received"),
        (["--iteration", "5"], "unknown argument --iteration. Did you mean '--iterations'?"),
    ],
)
def test_invalid_numbers(capsys, arguments, line):
    with pytest.raises(SystemExit) as stopped:
        main(["benchmark", "trained", *arguments])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert line in error
    assert len(error.splitlines()) == 1
