"""The table in which a sweep ends: every run with the result of each task, and the means over folds."""

from __future__ import annotations

import json

import pytest

import registry
from app.commands._sweep import common_name, describe_spread, groups_of_folds, show_sweep
from app.config.job_file import load
from registry.record import Result

VALUES = (1.0, 2.0, 3.0, 4.0)


@pytest.fixture
def jobs(small_job, tmp_path):
    """Return the jobs of a sweep over four folds and two widths."""

    small_job["dataset"]["split"] = {"folds": 4}
    (tmp_path / "one.json").write_text(json.dumps(small_job))
    values = {"model.hidden": [[4], [8]], "dataset.split.fold": [0, 1, 2, 3]}
    sweep = {"job": "one.json", "sweep": values, "name": "w{model.hidden}_fold_{dataset.split.fold}"}
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    return load(tmp_path / "sweep.json")


def register(name, value, **changes):
    facts = {"metric": "pos_mean_mm", "value": value, "baselines": {"straight_line": 3.5}, "state": "done"}
    facts = {**facts, "parameters": 70, "application": "track_extrapolation", **changes}
    registry.create(registry.root(), registry.Record(run=name, **facts))


def lines(capsys):
    return [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("│")]


def cells(line):
    return [cell.strip() for cell in line]


def test_a_sweep_over_folds_ends_in_their_mean_and_standard_deviation(jobs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    for fold, value in enumerate(VALUES):
        register(f"w4_fold_{fold}", value)
    register("w8_fold_0", 2.0)
    register("w8_fold_1", None, state="failed", reason="a test", metric="")
    show_sweep(jobs)
    found = [cells(line) for line in lines(capsys)]
    assert [row[0] for row in found] == [
        *(f"w4_fold_{n}" for n in range(4)),
        "w8_fold_0",
        "w8_fold_1",
        "w4_fold_*",
        "w8_fold_*",
    ]
    assert found[0][3] == "1.00"
    assert found[-2][1:] == ["4 of 4 folds", "", "2.50 ± 1.29", "better than all in 3 of 4 folds"]
    assert found[-1][1:] == ["1 of 4 folds", "", "2.00", "better than all in 1 of 1 folds"]


def test_each_task_has_its_column(jobs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    for fold, value in enumerate(VALUES):
        other = Result(metric="accuracy", better="higher", value=value / 10, baselines={})
        register(f"w4_fold_{fold}", value, task="place", others={"charge": other})
    show_sweep(jobs[:4])
    output = capsys.readouterr().out
    assert "place: pos_mean_mm" in output
    assert "charge: accuracy" in output
    assert "2.50 ± 1.29" in output
    assert "0.250 ± 0.129" in output


def test_runs_without_folds_have_no_mean(small_job, jobs):
    assert groups_of_folds(jobs) == [[f"w{width}_fold_{fold}" for fold in range(4)] for width in (4, 8)]
    assert groups_of_folds(jobs[:1]) == []


def test_spreads_and_names():
    assert describe_spread([1.0, 2.0, 3.0, 4.0]) == "2.50 ± 1.29"
    assert describe_spread([2.0]) == "2.00"
    assert describe_spread([None, 1.0]) == "not finite"
    assert common_name(["fold_0_of_5", "fold_1_of_5"]) == "fold_*_of_5"
    assert common_name(["f9", "f10", "f11"]) == "f*"
