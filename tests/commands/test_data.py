"""`--json` and `--csv`: whole values, nothing else on standard output, and the same in both."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

import registry
from app.cli import main
from jobs.submission import Index, make_submission


@pytest.fixture
def printed(capsys):
    """Return a function that runs a command and returns what it prints as JSON, and as CSV, a dictionary a line."""

    def run(*command):
        assert main([*command, "--json"]) == 0
        content = json.loads(capsys.readouterr().out)
        assert main([*command, "--csv"]) == 0
        return content, list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    return run


def test_the_registry_is_printed_with_whole_values(tmp_path, printed, capsys):
    record = registry.Record(run="a", application="x", metric="m", value=0.1234567890123, metrics={"other": 1e-9})
    registry.create(registry.root(), record)
    (registry.root() / "runs/broken.json").write_text("{")
    content, rows = printed("registry")
    assert [(r["run"], r["value"], r["metrics"]) for r in content] == [("a", 0.1234567890123, {"other": 1e-9})]
    assert [(r["run"], r["value"], r["metrics.other"]) for r in rows] == [("a", "0.1234567890123", "1e-09")]
    assert main(["registry", "--json"]) == 0
    assert "broken.json" in capsys.readouterr().err
    assert printed("registry", "--state", "queued")[1] == rows


def test_an_empty_registry_is_an_empty_list(printed):
    assert printed("registry") == ([], [])


def test_components_are_listed(printed):
    content, rows = printed("list", "losses")
    assert content == rows
    assert {"kind": "losses", "name": "huber"}.items() <= next(r for r in rows if r["name"] == "huber").items()
    content, rows = printed("list", "losses", "huber")
    assert content["keys"] == rows
    assert [(row["key"], row["default"]) for row in rows] == [("delta", "1.0")]


def test_a_comparison_gives_each_metric(made_run, printed, tmp_path, capsys):
    for name, error in (("one", 1.0), ("two", 2.0)):
        made_run(name, error)
    content, rows = printed("compare", "one", "two", "--draws", "5")
    assert list(content["runs"]) == ["one", "two"]
    figures = content["runs"]["two"]["figures"]["pos_mean_mm"]
    (row,) = (r for r in rows if r["run"] == "two" and r["metric"] == "pos_mean_mm")
    assert (float(row["value"]), float(row["error"])) == (figures["value"], figures["error"])
    assert main(["compare", "one", "two", "--draws", "5", "--json", str(tmp_path / "c.json")]) == 0
    assert "All metrics" in capsys.readouterr().out
    assert json.loads((tmp_path / "c.json").read_text())["runs"].keys() == content["runs"].keys()


def test_the_columns_of_a_file_are_measured(tmp_path, printed):
    np.savez(tmp_path / "a.npz", x=np.array([0.1234567890123, 2, np.nan, 2]), n=np.array([3, 2**60, 5, 5]))
    content, rows = printed("inspect", str(tmp_path / "a.npz"))
    x, n = content
    assert (x["column"], x["least"], x["median"], x["NaN"], x["duplicates"]) == ("x[4]", 0.1234567890123, 2.0, 1, 1)
    assert (n["least"], n["largest"]) == (3, 2**60)
    assert [row["largest"] for row in rows] == ["2.0", str(2**60)]


def test_submitted_jobs_are_printed(tmp_path, printed, monkeypatch):
    (tmp_path / "condor").write_text("CONDOR_HOST = 127.0.0.1\nCOLLECTOR_HOST = 127.0.0.1:1\n")
    monkeypatch.setenv("CONDOR_CONFIG", str(tmp_path / "condor"))
    assert printed("status") == ([], [])
    make_submission(tmp_path / "runs/.condor", "mlp").write_index(Index(cluster=4, runs=("mlp",), memory=(256,)))
    registry.create(registry.root(), registry.Record(run="mlp", application="x", epoch=3, epochs=9))
    content, rows = printed("status")
    assert [(r["run"], r["job"], r["memory_given"], r["epoch"]) for r in content] == [("mlp", "4.0", 256, 3)]
    assert [row["job"] for row in rows] == ["4.0"]


def test_a_run_is_shown(made_run, printed):
    made_run("one", value=0.25)
    content, (row,) = printed("show", "one")
    assert content["record"]["value"] == float(row["record.value"]) == 0.25


def test_both_at_once_are_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["list", "--json", "--csv"])
    assert end.value.code == 2
    assert "not allowed with argument --json" in capsys.readouterr().err
