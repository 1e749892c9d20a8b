"""A single training that is continued."""

from __future__ import annotations

import json

import registry
from app.config.job_file import parse
from app.execution.session import Options
from app.execution.single import train_job
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
