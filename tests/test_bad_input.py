"""The user's mistakes: one clear line, exit code 2, no traceback, and everything that was there stays as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import registry
from app.cli import main

ROOT = Path(__file__).resolve().parents[1]
HOLDER = """
import sys, time
from pathlib import Path
from app.core.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def whole(copied, simulated):
    """Return a check that runs, registry and data are as they were: every file, byte by byte."""
    roots = (copied / "runs", copied / "registry", simulated)
    before = [contents(root) for root in roots]

    def check():
        for root, old in zip(roots, before, strict=True):
            new = contents(root)
            assert new.keys() == old.keys()
            assert [path for path in old if old[path] != new[path]] == []

    return check


@pytest.fixture
def run(small_job, tmp_path, capsys):
    """Run a job with changes; return exit code and what was written to standard error."""

    def runner(changes, *words):
        path = tmp_path / "job.json"
        path.write_text(json.dumps(small_job | changes))
        capsys.readouterr()
        code = main(["run", "--config", str(path), *words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.err.splitlines()

    return runner


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"sed": 1}, "job.sed: unknown key. Did you mean 'seed'? Expected one of ["),
        ({"seed": "one"}, "job.seed: not valid. Expected a valid integer. Received 'one'."),
        ({"training": {"epochs": 1.5}}, "job.training.epochs: not valid. Expected a valid integer. Received 1.5."),
        ({"model": "mpl"}, "job.model.name: unknown model. Did you mean 'mlp'? Expected one of [calorimeter"),
        ({"model": {"name": "mlp", "hiden": [4]}}, "job.model.hiden: unknown key. Did you mean 'hidden'?"),
        (
            {"dataset": {"name": "track_states", "files": "no/such/file.npz"}},
            "small.dataset.files.0: no such file. Expected an existing file; relative paths in a job begin at /",
        ),
        (
            {"dataset": {"name": "track_states", "files": "no/such/*.npz"}},
            "small.dataset.files.0: the pattern matches no file. Expected at least one file; relative paths in a job",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_a_mistake_in_the_job(run, whole, changes, start):
    code, lines = run(changes)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(start)
    whole()


def test_a_mistake_that_only_the_data_show(run, whole, copied):
    """The run has begun, so the registry knows that it failed and why; what was there before is whole."""
    before = (copied / "registry" / "runs" / "trained.json").read_bytes()
    code, lines = run({"tasks": {"state": {"targets": ["x", "z"], "transform": "kick"}}})
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("tasks.state.targets.1: unknown target. Expected one of [")
    assert registry.read(copied / "registry", "small").state == "failed"
    assert "unknown target" in registry.read(copied / "registry", "small").reason
    assert (copied / "registry" / "runs" / "trained.json").read_bytes() == before


def test_two_jobs_with_one_name(small_job, whole, tmp_path, capsys):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(small_job))
    (tmp_path / "sweep.json").write_text(json.dumps({"job": "a.json", "sweep": {"seed": [1, 2]}, "name": "same"}))
    assert main(["run", "--config", str(tmp_path / "sweep.json")]) == 2
    assert capsys.readouterr().err == (
        "sweep.name: two jobs have one name. Expected a name of its own for each. Received 'same'.\n"
    )
    assert main(["validate", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    whole()


def test_a_sweep_in_which_one_run_exists_starts_none(small_job, whole, tmp_path, capsys):
    (tmp_path / "one.json").write_text(json.dumps(small_job))
    sweep = {"job": "one.json", "sweep": {"application": ["new", "trained"]}, "name": "{application}"}
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    assert main(["run", "--config", str(tmp_path / "sweep.json")]) == 2
    assert "trained: the run exists already." in capsys.readouterr().err
    whole()


def test_a_missing_job_file(whole, copied, capsys):
    assert main(["run", "--config", str(copied / "traned.json")]) == 2
    text = capsys.readouterr().err
    assert text == f"{copied}/traned.json: no such file. Did you mean 'trained.json'? Expected a job file (JSON).\n"
    whole()


def test_a_run_directory_that_cannot_be_written(run, whole, tmp_path):
    """Whoever runs the tests may be root, whom no permission stops: a path below a file stops everybody."""
    (tmp_path / "file").write_text("")
    code, lines = run({}, "--runs", str(tmp_path / "file" / "runs"))
    assert code == 2
    assert lines == [f"{tmp_path}/file/runs/small: cannot be written to (Not a directory). Expected a writable folder."]
    whole()


def test_a_registry_that_cannot_be_written(run, whole, tmp_path):
    (tmp_path / "file").write_text("")
    code, lines = run({}, "--registry", str(tmp_path / "file" / "registry"))
    assert code in (1, 2)
    assert len(lines) == 1
    assert str(tmp_path / "file" / "registry") in lines[0]


def test_a_data_folder_that_cannot_be_made(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WIRECHAMBER_DATA", str(tmp_path / "file" / "data"))
    code, lines = run({})
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"{tmp_path}/file/data/track_states-")
    assert "cannot be made (Not a directory)" in lines[0]


def test_a_run_whose_job_is_damaged_is_not_resumed(copied, capsys):
    (copied / "runs" / "trained" / "job.json").write_text('{"name": "trai')
    before = contents(copied)
    assert main(["run", "--config", str(copied / "trained.json"), "--resume"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{copied}/runs/trained/job.json: cannot be read (")
    assert contents(copied) == before


def test_a_second_process_on_the_same_run(copied, whole, capsys):
    """The first one is a real process that holds the run's lock; it is alive all the time."""
    lock = copied / "runs" / "trained" / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            for word in ("--overwrite", "--resume"):
                assert main(["run", "--config", str(copied / "trained.json"), word]) == 2
                (line,) = capsys.readouterr().err.splitlines()
                assert line.startswith(f"{lock.parent}: another process works on this run (")
                assert f"held by process {process.pid} on " in line
        finally:
            process.kill()
    lock.unlink()
    whole()


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(run, copied):

    before = contents(copied / "runs" / "trained")
    training = {"epochs": 3, "batch_size": 64, "optimizer": {"name": "sgd", "learning_rate": 1e30}, "xla": False}
    code, lines = run({"training": training})
    assert code == 1
    assert len(lines) == 1
    assert " of epoch 1; the training was stopped" in lines[0] or "in epoch 1; the training was stopped" in lines[0]
    assert lines[0].startswith("loss is ")
    record = registry.read(copied / "registry", "small")
    assert (record.state, record.reason) == ("failed", lines[0])
    assert record.value is None
    assert not (copied / "runs" / "small" / "model.keras").exists()
    assert contents(copied / "runs" / "trained") == before


def test_of_several_tasks_the_term_that_is_not_finite_is_named(run, copied):
    tasks = {name: {"targets": [name], "transform": "kick"} for name in ("x", "tx")}
    training = {"epochs": 3, "batch_size": 64, "optimizer": {"name": "sgd", "learning_rate": 1e30}, "xla": False}
    code, lines = run({"tasks": tasks, "training": training})
    assert code == 1
    assert lines[0].startswith(("x_loss is ", "tx_loss is "))
    assert registry.read(copied / "registry", "small").reason == lines[0]


def test_the_run_can_be_done_again_after_a_failure(run, copied):
    code, _ = run({"tasks": {"state": {"targets": ["z"]}}})
    assert code == 2
    code, lines = run({"training": {"epochs": 1, "xla": False}}, "--overwrite")
    assert (code, lines) == (0, [])
    assert registry.read(copied / "registry", "small").state == "done"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["run", "--cnofig", "x"], "wirechamber run: unknown argument --cnofig. Did you mean '--config'?"),
        (["run", "--config", "x", "--limt", "5"], "wirechamber run: unknown argument --limt. Did you mean '--limit'?"),
        (["run", "--config", "x", "--limit", "0"], "expected a whole number of at least 1, received '0'."),
        (["run", "--config", "x", "--resume", "--overwrite"], "not allowed with argument"),
        (["valdate", "x"], "Did you mean 'validate'?"),
        (["evaluate"], "the following arguments are required: RUN."),
    ],
)
def test_mistakes_on_the_command_line(words, line, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    (text,) = capsys.readouterr().err.splitlines()
    assert line in text
