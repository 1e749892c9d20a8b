"""`wirechamber schema`: what an editor learns, and that every shipped file agrees with it."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from app.cli import main
from app.commands.schema import schema

ROOT = Path(__file__).resolve().parents[2]
JOBS = sorted(path for path in (ROOT / "json").rglob("*.json") if path.name != "job.schema.json")


@pytest.fixture(scope="module")
def validator():
    content = schema()
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.relative_to(ROOT / "json").as_posix())
def test_shipped_files_name_the_schema_and_agree_with_it(path, validator):
    content = json.loads(path.read_text())
    assert (path.parent / content["$schema"]).resolve() == ROOT / "json" / "job.schema.json"
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)] == []


def test_the_shipped_schema_is_what_the_command_writes(tmp_path, capsys):
    """Another pydantic words the same schema differently: the shipped one is written with the pinned version."""
    if f"pydantic=={version('pydantic')}" not in (ROOT / "constraints.txt").read_text().splitlines():
        pytest.skip("another pydantic than the pinned one")
    shipped = (ROOT / "json" / "job.schema.json").read_text()
    assert main(["schema", "--out", str(tmp_path / "job.schema.json")]) == 0
    assert (tmp_path / "job.schema.json").read_text() == shipped, "make docs writes it again"
    capsys.readouterr()
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == shipped


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": "x"},
        {"seed": "42"},
        {"model": "mpl"},
        {"model": {"name": "mlp", "hiden": [8]}},
        {"model": {"name": "mlp", "preset": "huge"}},
        {"training": {"epochs": 0}},
        {"tasks": {"state": {"targets": ["x"], "loss": {"name": "huber", "delta": "1"}}}},
        {"dataset": {"name": "track_states", "simulate": {"trakcs": 5}}},
        {"tasks": {"state/end": {"targets": ["x"]}}},
        {"resources": {"extra": {"two words": "1"}}},
    ],
    ids=json.dumps,
)
def test_an_editor_sees_the_mistake(small_job, validator, change):
    assert validator.is_valid(small_job)
    assert not validator.is_valid(small_job | change)


def test_a_job_that_extends_nothing_misses_a_key(small_job, validator):
    del small_job["model"]
    assert not validator.is_valid(small_job)
    assert validator.is_valid({**small_job, "extends": "base.json"})


def test_a_sweep_has_its_own_keys(validator):
    sweep = {"job": "a.json", "sweep": {"seed": [1]}, "name": "x{seed}"}
    assert validator.is_valid(sweep)
    assert not validator.is_valid(sweep | {"model": "mlp"})
    assert not validator.is_valid({key: value for key, value in sweep.items() if key != "job"})
