"""Paths on the command line begin at the working directory, those in a job file at the repository root."""

import json

import numpy as np
import pytest

from app.cli import main
from app.config.job_file import parse
from app.core.errors import UserError
from app.core.files import REPOSITORY
from app.data.loading import load_data

NAME = "README.md"
"""A file of this name lies in the repository root, and none in the folder of the test."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a file of track states."""
    rng = np.random.default_rng(1)
    start, end = rng.uniform(-1, 1, (30, 6)), rng.uniform(-1, 1, (30, 4))
    start[:, 4:] = [0.1, 5161.0]
    np.savez(tmp_path / "states.npz", X=start, Y=end)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (("init", NAME), "init"),
        (("inspect", NAME), "inspect"),
        (("convert", "trigger_primitives", NAME, "--out", "out"), "convert"),
    ],
    ids=lambda value: value[0],
)
def test_a_file_of_the_checkout_is_not_taken_for_one_of_this_folder(here, command, place, capsys):
    assert (REPOSITORY / NAME).is_file()
    assert main(command) == 2
    expected = f"{place}: no such file. Expected an existing file. Received '{here / NAME}'.\n"
    assert capsys.readouterr().err == expected


def test_files_and_patterns_of_this_folder_are_inspected(here, capsys):
    assert main(["inspect", "states.npz"]) == 0
    first = capsys.readouterr().out
    assert "the dataset track_states reads 30 events in 1 block" in first
    assert main(["inspect", "*.npz"]) == 0
    assert capsys.readouterr().out == first


def test_the_job_of_init_reads_the_same_file_from_everywhere(here, monkeypatch, capsys):
    assert main(["init", "states.npz", "--out", "job.json"]) == 0
    assert json.loads((here / "job.json").read_text())["dataset"]["files"] == [str(here / "states.npz")]
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert main(["validate", "../job.json"]) == 0
    assert "1 job, valid" in capsys.readouterr().out


def test_a_job_says_where_its_relative_paths_begin_and_what_it_may_have_meant(here, capsys):
    task = {"targets": ["x"], "metrics": ["regression"]}
    for files, near in (("states.npz", f" Did you mean '{here / 'states.npz'}'?"), ("absent/x.npz", "")):
        dataset = {"name": "track_states", "files": files}
        content = {"name": "j", "application": "a", "rationale": "r", "dataset": dataset, "model": "mlp"}
        (here / "job.json").write_text(json.dumps({**content, "tasks": {"x": task}}))
        assert main(["validate", "job.json"]) == 2
        expected = f"Expected an existing file; relative paths in a job begin at {REPOSITORY}."
        line = f"j.dataset.files.0: no such file.{near} {expected} Received '{REPOSITORY / files}'.\n"
        assert capsys.readouterr().err == line


def test_a_field_map_of_a_simulation_is_looked_for_in_this_folder(here, capsys):
    words = ("--tracks", "20", "--field", json.dumps({"name": "map", "file": "absent.npz"}))
    assert main(["simulate", "track_states", "--out", "out", *words]) == 2
    expected = f"field.file: cannot read the field map (No such file or directory). Received '{here / 'absent.npz'}'.\n"
    assert capsys.readouterr().err == expected


def test_what_a_simulation_of_a_job_refuses_has_its_place_in_the_job(small_job, tmp_path):
    field = {"name": "map", "file": str(tmp_path / "absent.npz")}
    for changed, place in (({"field": field}, "field.file"), ({"z_end": 9000.0, "dz": 10.0}, "dz")):
        simulate = {"name": "track_states", "tracks": 20, **changed}
        job = parse({**small_job, "dataset": {"name": "track_states", "simulate": simulate}})
        with pytest.raises(UserError, match=rf"^dataset\.simulate\.{place}: "):
            load_data(job, None, tmp_path)
