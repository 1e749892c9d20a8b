"""A job with the password of its MLflow server: in no file but those that its owner alone can read."""

import json
import logging
import stat

import pytest

import registry
from app.cli import main
from app.config.derived_jobs import changed, members
from app.config.job_file import load, parse
from app.core.errors import UserError, WirechamberError
from app.execution.session import Options, session
from app.report.page import Page
from app.runs.directory import of
from app.submission.submit import batches, prepare
from app.workflows.local import write_files
from app.workflows.plan import plan_workflow

SECRET = "s3cretword"
URI = f"http://ada:{SECRET}@127.0.0.1:1"
SHOWN = "http://ada:***@127.0.0.1:1"
PLACE = {"tracking": {"mlflow": {"uri": URI}}, "rationale": f"See {URI}/docs."}


def files_with_the_secret(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_run_its_record_and_its_report_do_not_have_it(small_job, tmp_path, capsys):
    job = parse({**small_job, **PLACE})
    run = of("small")

    def fail():
        with session(job, Options(tmp_path / "job.json")):
            logging.getLogger("urllib3").warning("Retrying %s/api", URI)
            raise WirechamberError(f"{URI} is down")

    with pytest.raises(WirechamberError):
        fail()
    assert files_with_the_secret(tmp_path) == []
    assert json.loads(run.job.read_text())["tracking"]["mlflow"]["uri"] == SHOWN
    assert f"Retrying {SHOWN}/api" in run.log.read_text()
    assert f"failed: {SHOWN} is down" in run.log.read_text()
    record = registry.read(tmp_path / "registry", "small")
    assert (record.reason, record.rationale) == (f"{SHOWN} is down", f"See {SHOWN}/docs.")
    run.job.write_text(json.dumps(job.dump(passwords=True)))  # as version 0.1 wrote it
    page = Page(tmp_path / "registry", tmp_path / "runs", pictured=0).render()
    assert SECRET not in page
    assert SHOWN in page
    assert SECRET not in "".join(capsys.readouterr())


def test_changed_jobs_and_members_still_have_it(small_job):
    job = parse({**small_job, **PLACE, "ensemble": {"members": 2}})
    assert changed(job, {"training.epochs": 1}).tracking.mlflow.uri == URI
    assert [member.tracking.mlflow.uri for member in members(job)] == [URI, URI]


def test_the_copy_for_a_pool_has_it_for_its_owner_alone(small_job, tmp_path):
    jobs = [parse({**small_job, **PLACE}), parse({**small_job, "name": "plain"})]
    (batch,) = batches(jobs, {"small": 100, "plain": 100})
    submission = prepare(batch, "job", tmp_path / "logs", (25,))
    assert files_with_the_secret(tmp_path) == [submission.job("small")]
    assert mode(submission.job("small")) == 0o600
    assert mode(submission.job("plain")) == 0o666 & mode(submission.description)
    (again,) = load(submission.job("small"))
    assert again.tracking.mlflow.uri == URI


def test_the_copy_for_a_workflow_has_it_for_its_owner_alone(small_job, tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({**small_job, **PLACE}))
    steps = {"train": {"jobs": "job.json"}}
    (tmp_path / "all.json").write_text(json.dumps({"workflow": "all", "rationale": "", "steps": steps}))
    plan = plan_workflow(tmp_path / "all.json", [], None, [])
    write_files(plan)
    copy = plan.job_file(plan.jobs[0])
    assert files_with_the_secret(tmp_path) == sorted([tmp_path / "job.json", copy])
    assert mode(copy) == 0o600


def test_a_command_of_a_workflow_is_refused_it(tmp_path, capsys):
    steps = {"send": {"command": ["track", "trained", "--uri", URI]}}
    (tmp_path / "all.json").write_text(json.dumps({"workflow": "all", "rationale": "", "steps": steps}))
    assert main(["validate", str(tmp_path / "all.json")]) == 2
    line = "all.steps.send.command: everyone can read arguments of a command. Expected MLFLOW_TRACKING_USERNAME and "
    assert line in (error := capsys.readouterr().err)
    assert SECRET not in error


def test_mistakes_do_not_show_it(small_job):
    with pytest.raises(UserError) as caught:
        parse({**small_job, "tracking": {"mlflow": URI}, "application": URI, "dataset": {"name": "x", "files": [URI]}})
    assert SECRET not in str(caught.value)
    assert SHOWN in str(caught.value)
