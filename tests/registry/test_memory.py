"""The memory of records that were read: what a fresh process finds in the index, and when it does not trust it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import registry
from registry import memory
from registry.record import Record


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a registry of three runs with an index, as a fresh process finds it."""
    monkeypatch.setattr(memory, "MOMENT", -1.0)
    monkeypatch.setattr(memory, "NEW", 1)
    for number, name in enumerate(("a", "b", "c")):
        registry.create(tmp_path, a_record(name, metric="m", value=float(number), baselines={"mean": None}))
    forget()
    return tmp_path


def a_record(name: str, **facts: object) -> Record:
    return Record.model_validate({"run": name, "application": "tracks", "state": "done", **facts})


def forget() -> None:
    """Begin as a fresh process does."""
    memory._known.clear()
    memory._news.clear()


def test_a_fresh_process_opens_only_the_index(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {run: registry.read(root, run) for run in "abc"}
    forget()
    monkeypatch.setattr(registry.store, "_read_file", lambda root, run: pytest.fail(f"{run} was opened"))
    records = registry.read_all(root).records
    assert {record.run: record for record in records} == expected
    assert [record.value for record in records] == [0.0, 1.0, 2.0]


def test_the_index_keeps_the_times_of_a_record_of_this_second(root: Path) -> None:
    """A time is made up where it is left out, so it must not be taken for its default."""
    known = json.loads((root / ".index.json").read_text())["known"]
    record = registry.read(root, "a")
    assert (known["a"]["record"]["created"], known["a"]["record"]["updated"]) == (record.created, record.updated)


def test_a_record_that_changed_is_read_again(root: Path) -> None:
    path = root / "runs" / "b.json"
    path.write_text(path.read_text().replace('"value": 1.0', '"value": 7.5'))
    assert [record.value for record in registry.read_all(root).records] == [0.0, 7.5, 2.0]


def test_a_removed_record_does_not_come_back(root: Path) -> None:
    (root / "runs" / "b.json").unlink()
    assert [record.run for record in registry.read_all(root).records] == ["a", "c"]
    registry.update(root, "a", value=3.0)
    assert sorted(json.loads((root / ".index.json").read_text())["known"]) == ["a", "c"]


@pytest.mark.parametrize("damage", ["cut", "not JSON", "other program", "folder", "none"])
def test_an_index_that_cannot_be_used_is_left_alone(root: Path, damage: str) -> None:
    path = root / ".index.json"
    text = path.read_text()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "none":
        other = json.dumps({**json.loads(text), "program": "0"}).replace('"value":1.0', '"value":9.0')
        path.write_text({"cut": text[:-40], "not JSON": "{", "other program": other}[damage])
    contents = registry.read_all(root)
    assert [record.value for record in contents.records] == [0.0, 1.0, 2.0]
    assert not contents.damaged
    registry.update(root, "a", value=3.0)  # writes the index again where it can


def test_what_runs_is_never_taken_from_the_index(root: Path) -> None:
    registry.update(root, "a", state="running")
    forget()
    assert registry.read_all(root).records[0].state == "running"
