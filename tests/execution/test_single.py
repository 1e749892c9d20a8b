"""A single training that is continued."""

from __future__ import annotations

import json
import math

import pytest

import registry
from app.config.job_file import parse
from app.execution.session import Options
from app.execution.single import train_job
from app.predictions import Predictions
from app.runs.record import fingerprint


def test_a_run_goes_on_whatever_form_its_fingerprint_had(small_job, tmp_path):
    """Version 0.1 knew less of ROOT files. Provenance keeps what it said; the registry gets what is said now."""
    job = parse(small_job)
    train_job(job, Options(tmp_path / "job.json", until=1, test=False))
    path, root = tmp_path / "runs" / "small" / "provenance.json", tmp_path / "registry"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"dataset": said["dataset"] | {"fingerprint": "0123456789abcdef"}}))
    registry.update(root, "small", fingerprint="fedcba9876543210")
    run = train_job(job, Options(tmp_path / "job.json", resume=True))
    assert len(json.loads(run.history.read_text())["train"]) == 3
    assert json.loads(path.read_text())["dataset"]["fingerprint"] == "0123456789abcdef"
    record = registry.find(root, "small")
    assert (record.state, record.fingerprint) == ("done", fingerprint(job, said["dataset"]["fingerprint"]))


@pytest.mark.parametrize("rows", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_a_few_events_in_each_split_are_enough(small_job, rows, tmp_path):
    """Also baselines, metrics in bins and the last, incomplete batch come to finite numbers, without a warning."""
    run = train_job(parse(small_job), Options(tmp_path / "job.json", limit=rows))
    model = json.loads(run.metrics.read_text())["state"]["model"]
    assert math.isfinite(model["pos_mean_mm"])
    assert len(Predictions.read(run.predictions)) == rows
