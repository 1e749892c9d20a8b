"""One record that cannot be read: each command names it in one line and does the rest."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

import registry
from app.cli import main
from app.core.errors import UserError
from app.submission.again import choose_broken
from jobs.event_log import History
from jobs.job_state import JobState
from jobs.submission import Index, make_submission

NOBODY = 65534
DAMAGES = {
    "broken": "damaged record: not JSON: ",
    "binary": "damaged record: not JSON: ",
    "folder": "damaged record: cannot be read (Is a directory)",
    "link": "damaged record: a link to a file that is not there",
    "another": "damaged record: run: required key is missing",
}


def damage(root, run, kind):
    path = root / "runs" / f"{run}.json"
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(root / "nothing")
    else:
        path.write_bytes({"broken": b'{"run": "bad', "binary": bytes(range(256)), "another": b"{}"}[kind])
    return path


@pytest.fixture(params=DAMAGES)
def path(request, made_run, tmp_path):
    """The record of `bad`, one of three runs: damaged; a warning of it begins with the text in `path.line`."""
    for name, error in (("good", 1.0), ("better", 0.5), ("bad", 2.0)):
        made_run(name, error)
    return damage(tmp_path / "registry", "bad", request.param)


def lines_about(path, text):
    return [line for line in text.splitlines() if line.startswith(f"{path}: ")]


def expected_line(path):
    kind = next(k for k in DAMAGES if (k == "link") == path.is_symlink() and (k == "folder") == path.is_dir())
    if path.is_file():
        kind = "another" if path.read_bytes() == b"{}" else "broken"
    return f"{path}: {DAMAGES[kind]}"


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (["registry"], "better"),
        (["best", "track_extrapolation"], "better: pos_mean_mm 0.625, the best of 2 on"),
        (["report", "--pictures", "0", "--out", "report.html"], "report: report.html"),
        (["compare", "good", "bad", "--draws", "5"], "pos_mean_mm"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_it_is_named_once_and_the_rest_is_shown(path, words, rest, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 0
    output = capsys.readouterr()
    (line,) = lines_about(path, output.out)
    assert line.startswith(expected_line(path))
    assert rest in output.out
    assert output.err == ""


def state(run, **history):
    return JobState(run, (4, 0), History("completed", datetime.now(UTC), starts=1, **history), 100, 100)


def test_status_shows_the_other_runs(path, tmp_path, monkeypatch, capsys):
    config = tmp_path / "condor_config"
    config.write_text("CONDOR_HOST = 127.0.0.1\nCOLLECTOR_HOST = 127.0.0.1:1\n")
    monkeypatch.setenv("CONDOR_CONFIG", str(config))
    made = make_submission(tmp_path / "runs" / ".condor", "all")
    made.events.write_text("")
    made.write_index(Index(cluster=4, runs=("good", "bad"), memory=(256, 256)))
    assert main(["status", "--all"]) == 0
    output = capsys.readouterr().out
    (line,) = lines_about(path, output)
    assert line.startswith(expected_line(path))
    assert "1 done, 1 failed" in output


def test_failed_runs_are_submitted_again_without_it(path, caplog):
    jobs = [state("good", exit_code=1), state("bad", exit_code=1)]
    assert [job.run for job in choose_broken(jobs, [])] == ["good"]
    assert f"bad is left alone: {expected_line(path)}" in caplog.text
    with pytest.raises(UserError) as caught:
        choose_broken(jobs, ["bad"])
    assert str(caught.value).startswith(expected_line(path))


def test_a_new_run_is_submitted_next_to_it_and_never_over_it(path, tmp_path, small_job, capsys):
    for name, code in (("new", 0), ("bad", 2)):
        (tmp_path / "job.json").write_text(json.dumps({**small_job, "name": name}))
        runs = str(tmp_path / "other")  # where no directory of `bad` lies
        words = ["submit", str(tmp_path / "job.json"), "--dry-run", "--no-estimate", "--runs", runs]
        assert main(words) == code
    (line,) = lines_about(path, capsys.readouterr().err)
    assert line.startswith(expected_line(path))
    with pytest.raises(UserError, match="registered already"):
        registry.create(tmp_path / "registry", registry.Record(run="bad", application="x"))
    assert os.path.lexists(path)


def output_of_nobody(words):
    """Return exit code and output of a command that another user runs, who may not write either."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that the child does not have
        child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            sys.stdout = sys.stderr = open(writer, "w", buffering=1)  # noqa: PTH123, SIM115 - a descriptor
            try:
                print("exit code", main(words))
            except BaseException as error:
                print("raised", repr(error))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
def test_a_record_that_another_user_closed(made_run, tmp_path, monkeypatch):
    for name, error in (("good", 1.0), ("better", 0.5), ("bad", 2.0)):
        made_run(name, error)
    config = tmp_path / "condor_config"
    config.write_text("CONDOR_HOST = 127.0.0.1\nCOLLECTOR_HOST = 127.0.0.1:1\n")
    made = make_submission(tmp_path / "runs" / ".condor", "all")
    made.events.write_text("")
    made.write_index(Index(cluster=4, runs=("good", "bad"), memory=(256, 256)))
    with tempfile.TemporaryDirectory() as name:  # that of pytest is closed to others
        root = Path(name)
        root.chmod(0o755)
        for folder in ("runs", "registry"):
            shutil.copytree(tmp_path / folder, root / folder)
            monkeypatch.setenv(f"WIRECHAMBER_{folder.upper()}", str(root / folder))
        shutil.copy(config, root)
        monkeypatch.setenv("CONDOR_CONFIG", str(root / "condor_config"))
        (root / "out").mkdir()
        (root / "out").chmod(0o777)
        path = root / "registry" / "runs" / "bad.json"
        path.chmod(0)
        commands = {
            "registry": "better",
            "best track_extrapolation": "better: pos_mean_mm 0.625, the best of 2 on",
            f"report --pictures 0 --out {root}/out/report.html": f"report: {root}/out/report.html",
            "compare good bad --draws 5": "pos_mean_mm",
            "status --all": "1 done, 1 failed",
        }
        for words, rest in commands.items():
            output = output_of_nobody(words.split())
            assert lines_about(path, output) == [
                f"{path}: damaged record: cannot be read (Permission denied). Expected the file as it was written."
            ], output
            assert rest in output
            assert "exit code 0" in output
        (root / "registry" / "runs").chmod(0o700)
        output = output_of_nobody(["registry"])
        assert f"{root}/registry/runs: cannot be read (Permission denied)" in output
