"""An ensemble from its job file: members that are runs, their mean, what is refused, and going on after a stop."""

import json

import numpy as np
import pytest

import registry
from app.cli import main
from app.config.derived_jobs import members
from app.config.job_file import parse
from app.core.errors import UserError
from app.predictions import Predictions


@pytest.fixture
def file(small_job, tmp_path):
    def written(**ensemble):
        path = tmp_path / "job.json"
        path.write_text(json.dumps({**small_job, "ensemble": ensemble}))
        return path

    return written


def test_members_differ_in_name_seed_and_draw_alone(small_job):
    job = parse({**small_job, "ensemble": {"members": 3, "seeds": [7, 8, 11]}})
    found = members(job)
    assert [one.name for one in found] == ["small_seed7", "small_seed8", "small_seed11"]
    assert [(one.seed, one.training.bootstrap) for one in found] == [(7, 7), (8, 8), (11, 11)]
    changed = {"name", "seed", "rationale", "ensemble", "training"}
    assert all({k: v for k, v in one.dump().items() if k not in changed}
               == {k: v for k, v in job.dump().items() if k not in changed} for one in found)  # fmt: skip


def test_seeds_follow_the_job_s(small_job):
    found = members(parse({**small_job, "seed": 5, "ensemble": {"bootstrap": False}}))
    assert [(one.seed, one.training.bootstrap) for one in found] == [(seed, None) for seed in range(5, 10)]


@pytest.mark.parametrize(("ensemble", "words"), [
    ({"members": 1}, "greater than or equal to 2"),
    ({"seeds": [1, 1]}, "two members with one seed are equal"),
    ({"members": 3, "seeds": [1, 2]}, "not one seed for each member"),
    ({"member": 3}, "Did you mean 'members'"),
])  # fmt: skip
def test_what_is_refused(small_job, ensemble, words):
    with pytest.raises(UserError, match=words):
        parse({**small_job, "ensemble": ensemble})


def test_a_formula_has_no_ensemble(file, capsys):
    path = file(members=2)
    job = json.loads(path.read_text())
    path.write_text(json.dumps({**job, "model": "straight_line", "tasks": {"state": {"targets": ["x", "y"]}}}))
    assert main(["validate", str(path)]) == 2
    assert "all members would be equal" in " ".join(capsys.readouterr().err.split())


def test_a_search_is_not_one_of_ensembles(small_job, tmp_path, capsys):
    space = {"training.batch_size": {"choice": [32, 64]}}
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**small_job, "ensemble": {}, "hyperopt": {"max_trials": 2, "space": space}}))
    assert main(["validate", str(path)]) == 2
    assert "a search trains one network a trial" in " ".join(capsys.readouterr().err.split())


def test_from_the_job_to_the_registry(file, tmp_path, capsys):
    path = file(seeds=[1, 2])
    assert main(["run", "--config", str(path)]) == 0
    runs = tmp_path / "runs"
    results = json.loads((runs / "small" / "metrics.json").read_text())["state"]
    one, other, both = (Predictions.read(runs / n / "predictions.csv") for n in ("small_seed1", "small_seed2", "small"))
    mean = (one.predicted["x"] + other.predicted["x"]) / 2
    assert both.predicted["x"] == pytest.approx(mean, rel=1e-4, abs=1e-3)
    half = np.abs(one.predicted["x"] - other.predicted["x"]) / 2
    assert both.spread["x"] == pytest.approx(np.sqrt(2) * half, rel=1e-3, abs=1e-3)
    for name in ("small_seed1", "small_seed2"):
        alone = json.loads((runs / name / "metrics.json").read_text())["state"]["model"]
        assert results["members"][name]["pos_mean_mm"] == alone["pos_mean_mm"]
    records = {record.run: record for record in registry.read_all(registry.root()).records}
    assert records.keys() == {"small", "small_seed1", "small_seed2"}
    assert len({record.fingerprint for record in records.values()}) == 1
    assert records["small"].parameters == 2 * records["small_seed1"].parameters
    assert "their mean" in records["small"].notes[-1][1]
    assert "of the ensemble" in capsys.readouterr().out
    assert main(["evaluate", "small", "--out", str(tmp_path / "again")]) == 0
    assert json.loads((tmp_path / "again" / "metrics.json").read_text())["state"]["model"] == results["model"]


def test_what_is_trained_is_not_trained_again(file, tmp_path, capsys):
    path = file(seeds=[1, 2])
    first = json.loads(path.read_text()) | {"name": "small_seed1", "seed": 1, "ensemble": None}
    first["rationale"] = "The first member alone, as a pool would train it."
    first["training"]["bootstrap"] = 1
    (tmp_path / "first.json").write_text(json.dumps(first))
    assert main(["run", "--config", str(tmp_path / "first.json")]) == 0
    model = (tmp_path / "runs" / "small_seed1" / "model.keras").stat().st_mtime_ns
    assert main(["run", "--config", str(path)]) == 2
    assert "the run exists already" in " ".join(capsys.readouterr().err.split())
    assert main(["run", "--config", str(path), "--resume"]) == 0
    assert (tmp_path / "runs" / "small_seed1" / "model.keras").stat().st_mtime_ns == model
