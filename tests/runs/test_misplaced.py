"""Runs whose directory was removed, moved or copied by hand: `registry --check` says so, and what repairs it."""

import json
import shutil

import pytest

import registry
from app.cli import main
from app.core.lock import locked


@pytest.fixture
def check(copied, capsys):
    """Return a function that gives the lines of `registry --check`, with the folder of the runs as RUNS."""

    def lines(*options):
        capsys.readouterr()
        main(["registry", *(options or ("--check",))])
        return " ".join(capsys.readouterr().out.split()).replace(str(copied / "runs"), "RUNS")

    return lines


def test_a_run_that_vanished_is_named_with_what_writes_it_down(copied, check, capsys):
    shutil.rmtree(copied / "runs" / "trained")
    registry.update(registry.root(), "trained", folder=made_here(copied))
    said = "trained: done in the registry, but RUNS/trained is gone; wirechamber remove trained writes that down"
    assert check() == said
    assert check("--repair") == f"{said} repaired 0 of 1"  # the folder may only not be mounted
    assert registry.read(registry.root(), "trained").state == "done"
    assert main(["remove", "trained", "--yes"]) == 0
    assert "is gone; its record is left" in capsys.readouterr().out
    record = registry.read(registry.root(), "trained")
    assert (record.state, record.reason) == ("removed", "its directory was gone")
    assert check().endswith("and RUNS agree")
    assert main(["remove", "trained", "--yes"]) == 2
    assert "trained: was removed already." in capsys.readouterr().err


def made_here(copied):
    """What a run says that is begun in this folder."""
    from app.runs.record import folder_of

    assert registry.read(registry.root(), "trained").folder != folder_of(copied / "runs")
    return folder_of(copied / "runs")


def test_a_run_of_another_machine_or_folder_has_not_vanished(copied, check):
    """The fixture's run was made in another folder of this machine."""
    assert registry.read(registry.root(), "trained").folder
    shutil.rmtree(copied / "runs" / "trained")
    assert check().endswith("and RUNS agree")


def test_a_run_that_was_moved_takes_its_record_and_notes_along(copied, check):
    root = registry.root()
    registry.update(root, "trained", folder=made_here(copied))
    registry.note(root, "trained", "a remark")
    before = registry.read(root, "trained")
    (copied / "runs" / "trained").rename(copied / "runs" / "best")
    said = "best: the run trained was moved here; wirechamber registry --repair renames its record"
    assert check() == said
    assert check("--repair") == f"{said} repaired 1 of 1"
    assert registry.find(root, "trained") is None
    assert registry.read(root, "best") == before.model_copy(update={"run": "best"})
    assert json.loads((copied / "runs" / "best" / "job.json").read_text())["name"] == "best"
    assert "a remark" in (root / "notes" / "runs" / "best.md").read_text()
    assert check().endswith("and RUNS agree")


def test_a_copy_of_a_run_becomes_one_of_its_own(copied, check):
    root = registry.root()
    shutil.copytree(copied / "runs" / "trained", copied / "runs" / "twin")
    said = (
        "twin: a copy of the run trained, and not in the registry; "
        "wirechamber registry --repair adds it, wirechamber remove twin removes it"
    )
    assert check() == said
    assert check("--repair") == f"{said} repaired 1 of 1"
    twin, own = registry.read(root, "twin"), registry.read(root, "trained")
    assert (twin.state, twin.value, twin.fingerprint) == (own.state, own.value, own.fingerprint)
    provenance = json.loads((copied / "runs" / "trained" / "provenance.json").read_text())
    assert twin.test_events == own.test_events > 0
    assert twin.finished == provenance["end"]
    assert json.loads((copied / "runs" / "twin" / "job.json").read_text())["name"] == "twin"
    assert check().endswith("and RUNS agree")


def test_a_copy_that_an_older_version_has_registered_gets_its_name(copied, check):
    root = registry.root()
    shutil.copytree(copied / "runs" / "trained", copied / "runs" / "twin")
    registry.create(root, registry.read(root, "trained").model_copy(update={"run": "twin"}))
    assert check() == "twin: its job.json calls it trained; wirechamber registry --repair gives it its own name"
    check("--repair")
    assert check().endswith("and RUNS agree")
    assert registry.read(root, "trained").state == "done"


def test_what_a_process_works_on_is_left_alone(copied, check):
    (copied / "runs" / "trained").rename(copied / "runs" / "best")
    with locked(copied / "runs" / "best" / ".lock"):
        assert "moved" not in check()


@pytest.mark.parametrize("content", ["{", "[]", '{"name": 3}'])
def test_a_damaged_job_has_no_name(copied, check, content):
    (copied / "runs" / "trained" / "job.json").write_text(content)
    assert "job.json calls it" not in check()
