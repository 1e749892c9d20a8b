"""`--overwrite`: what it removes and what it leaves alone, and that the old run goes last, whenever it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from untraced import process_environment

from app.cli import main
from app.core.files import REPOSITORY
from app.core.parts import part_of
from app.runs.directory import RunDirectory
from app.runs.find import find_run
from app.runs.finished import find_finished
from app.runs.replaced import FILES, aside, moving, own_files, replaced, set_aside, settle

PATHS = [name for name, value in vars(RunDirectory).items() if "lambda" in repr(getattr(value, "fget", ""))]


@pytest.fixture
def old(made_run, tmp_path) -> RunDirectory:
    """Return a finished run with a model and a checkpoint."""
    made_run("old")
    run = RunDirectory(tmp_path / "runs" / "old")
    (run.checkpoints / "epoch_000001").mkdir(parents=True)
    run.model.write_text("model")
    return run


def contents(folder: Path) -> dict[str, bytes | str]:
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_the_old_run_goes_when_the_new_one_has_left_a_model(old, tmp_path):
    (old.path / "notes of mine.txt").write_text("kept")
    with replaced(old):
        assert sorted(path.name for path in old.path.iterdir()) == [".replaced", "notes of mine.txt"]
        old.model.write_text("new")
    assert contents(old.path) == {"model.keras": b"new", "notes of mine.txt": b"kept"}


def test_the_old_run_and_its_record_come_back_where_the_new_one_left_nothing(old, tmp_path):
    before = contents(tmp_path)
    with pytest.raises(KeyError), replaced(old):  # noqa: PT012 - the block is what is tested
        old.job.write_text("new")
        old.log.write_text("new")
        (tmp_path / "registry" / "runs" / "old.json").write_text("new")
        raise KeyError
    after = contents(tmp_path)
    after.pop("registry/README.md")
    before.pop("registry/README.md", None)
    assert after == before


KILLED = """
import os, pathlib, sys
from app.runs import replaced
from app.runs.directory import RunDirectory

moves, rename = int(sys.argv[2]), pathlib.Path.rename

def counted(path, target):
    global moves
    if moves == 0:
        os.kill(os.getpid(), 9)
    moves -= 1
    return rename(path, target)

pathlib.Path.rename = counted
run = RunDirectory(pathlib.Path(sys.argv[1]))
if sys.argv[3] == "aside":
    replaced.set_aside(run)
else:
    replaced.settle(run)
"""


def kill(run: RunDirectory, moves: int, what: str) -> None:
    """Run a step in a process that is killed before its rename number `moves`."""
    command = [sys.executable, "-c", KILLED, str(run.path), str(moves), what]
    done = subprocess.run(command, cwd=REPOSITORY, env=process_environment(), check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("moves", [0, 2, -1], ids=["at the first file", "half way", "at the last rename"])
def test_killed_while_the_old_run_is_moved_or_put_back_it_is_whole_for_the_next_reader(old, tmp_path, moves):
    before, files = contents(old.path), len(own_files(old))
    kill(old, moves if moves >= 0 else files, "aside")
    assert moving(old).exists()
    settle(old)
    assert contents(old.path) == before
    set_aside(old)
    old.job.write_text("new")
    kill(old, moves if moves >= 0 else files, "back")
    assert find_finished(str(old.path)).name == "old"
    assert contents(old.path) == before


def test_killed_before_its_first_checkpoint_the_new_run_leaves_the_old_one(old):
    before = contents(old.path)
    set_aside(old)
    old.job.write_text("new")
    assert not old.exists
    assert find_run("old") == old  # whatever asks for the run: plots, evaluate, load
    assert contents(old.path) == before
    set_aside(old)
    (old.checkpoints / "epoch_000001").mkdir(parents=True)
    settle(old)
    assert not aside(old).exists()
    assert not old.metrics.exists()


@pytest.fixture
def overwrite(small_job, tmp_path, capsys):
    """Return a function that runs a job with --overwrite: exit code and lines of errors."""
    file = tmp_path / "job.json"

    def run(**changes):
        file.write_text(json.dumps({**small_job, "name": "old", **changes}))
        code = main(["run", "--config", str(file), "--overwrite"])
        return code, capsys.readouterr().err.splitlines()

    return run


@pytest.mark.parametrize("linked", [False, True], ids=["folder", "link"])
@pytest.mark.parametrize("job", [None, "{}"], ids=["no job", "another job.json"])
def test_a_folder_that_is_no_run_is_refused_and_untouched(overwrite, tmp_path, job, linked):
    folder = tmp_path / "docs"
    (folder / "plots").mkdir(parents=True)
    (folder / "plots" / "figure.png").write_text("mine")
    (folder / "model.keras").write_text("mine")
    if job:
        (folder / "job.json").write_text(job)
    runs = tmp_path / "runs"
    runs.mkdir()
    folder.rename(runs / "old") if not linked else (runs / "old").symlink_to(folder)
    before = contents(runs / "old")
    code, (line,) = overwrite()
    assert code == 2
    what = "is not the job of a run" if job else "is missing"
    expected = "Expected the directory of a run, with its job.json; --overwrite removes nothing else."
    assert line == f"{runs / 'old' / 'job.json'}: {what}. {expected}"
    assert contents(runs / "old") == before


def test_an_old_run_outlives_a_registry_that_cannot_be_written(overwrite, old, tmp_path, monkeypatch):
    before = contents(old.path)
    (tmp_path / "file").touch()
    monkeypatch.setenv("WIRECHAMBER_REGISTRY", str(tmp_path / "file"))
    code, (line,) = overwrite()
    assert (code, line) == (1, f"{tmp_path / 'file' / 'runs'}: cannot be written (Not a directory).")
    assert contents(old.path) == before


def test_an_old_run_outlives_data_that_cannot_be_read(overwrite, old, tmp_path):
    before = contents(tmp_path / "runs")
    code, _ = overwrite(tasks={"state": {"targets": ["x"]}}, split={"fractions": [2, 0, 0]})
    assert code == 2
    assert contents(tmp_path / "runs") == before


def test_a_linked_folder_in_a_linked_run_is_replaced_and_its_target_stays(overwrite, old, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "mine.png").write_text("mine")
    old.plots.rmdir()
    old.plots.symlink_to(scratch)
    old.path.rename(tmp_path / "far")
    old.path.symlink_to(tmp_path / "far")
    assert find_run(str(old.path)).name == "old"
    assert find_run("old").name == "old"
    code, lines = overwrite(training={"epochs": 1, "xla": False})
    assert (code, lines) == (0, [])
    assert contents(scratch) == {"mine.png": b"mine"}
    assert old.path.is_symlink()
    assert not old.plots.is_symlink()
    assert len(json.loads((tmp_path / "far" / "history.json").read_text())["train"]) == 1
    assert not aside(old).exists()


def test_everything_that_a_run_writes_is_known(trained):
    written = {path.name for path in (trained / "runs" / "trained").iterdir() if not path.name.startswith(".")}
    assert written <= {*FILES, "job.json"}
    names = {getattr(RunDirectory(Path("x")), name).name for name in PATHS}
    assert names - {".lock"} == names & {*FILES, "job.json"}


def test_what_killed_processes_left_is_swept_from_all_folders_of_a_run(old):
    before = contents(old.path)
    with subprocess.Popen(["true"]) as dead:
        pass
    for folder in (old.path, old.plots, old.checkpoints):
        path = part_of(folder / "loss.png")
        path = path.with_name(path.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-"))
        path.write_text("half")
    (old.path / "model.part.keras").write_text("half of 0.1")
    old.sweep()
    assert contents(old.path) == before
