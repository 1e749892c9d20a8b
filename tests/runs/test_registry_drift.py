"""The registry against the run directories: every way to disagree is found, and repaired from the directory."""

import json
import subprocess

import pytest

import registry
from app.cli import main
from app.core.lock import locked
from app.runs import directory
from app.runs.registry_drift import find_drift, repair


@pytest.fixture
def roots(copied):
    return copied / "registry", copied / "runs"


def words(found):
    return [f"{drift.run}: {drift.what}" for drift in found]


def test_a_finished_run_agrees(roots, capsys):
    assert find_drift(*roots) == []
    assert main(["registry", "--check"]) == 0
    assert "agree" in capsys.readouterr().out


def test_a_figure_that_was_changed_by_hand(roots, capsys):
    root, _ = roots
    before = registry.read(root, "trained")
    path = root / "runs" / "trained.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "value": 1e-9}))
    assert main(["registry", "--check"]) == 1
    assert "pos_mean_mm is 1e-09 in the registry and" in " ".join(capsys.readouterr().out.split())
    assert main(["registry", "--repair"]) == 0
    after = registry.read(root, "trained")
    assert (after.value, after.verdict, after.metrics) == (before.value, before.verdict, before.metrics)
    assert find_drift(*roots) == []


def test_a_page_that_was_edited_is_written_again(roots):
    root, _ = roots
    page = (root / "README.md").read_text()
    (root / "README.md").write_text(page + "my best network\n")
    found = find_drift(*roots)
    assert words(found) == [": README.md does not agree with the records and notes"]
    assert repair(root, found) == []
    assert (root / "README.md").read_text() == page


def test_a_run_whose_process_is_gone(roots):
    root, runs = roots
    registry.update(root, "trained", state="running")
    run = directory.of("trained", runs)
    with locked(run.lock):  # our own process works on it
        assert find_drift(*roots) == []
    (drift,) = find_drift(*roots)
    assert "no process works on it" in drift.what
    assert repair(root, [drift]) == []
    assert registry.read(root, "trained").state == "done"
    assert find_drift(*roots) == []


@pytest.mark.parametrize(("kept", "state"), [("checkpoints", "interrupted"), ("log.txt", "failed")])
def test_how_it_ended_follows_from_what_it_left(roots, kept, state):
    root, runs = roots
    registry.update(root, "trained", state="running")
    for name in {"metrics.json", "checkpoints", "model.keras"} - {kept}:
        subprocess.run(["rm", "-r", str(runs / "trained" / name)], check=True)
    (drift,) = find_drift(*roots)
    assert drift.changes["state"] == state
    assert repair(root, [drift]) == []
    assert registry.read(root, "trained").state == state


def test_a_directory_without_a_record(roots):
    root, _ = roots
    before = registry.read(root, "trained")
    (root / "runs" / "trained.json").unlink()
    found = find_drift(*roots)
    assert "trained: done in its directory, but not in the registry" in words(found)
    assert repair(root, found) == []
    after = registry.read(root, "trained")
    of_job = ("application", "model", "loss", "transform", "seed", "hyperparameters", "rationale")
    of_data = ("dataset", "simulated", "fingerprint", "parameters", "commit", "device")
    of_result = ("state", "value", "metric", "baselines", "verdict", "best_epoch", "epoch", "metrics")
    same = of_job + of_data + of_result
    assert {name: getattr(after, name) for name in same} == {name: getattr(before, name) for name in same}
    assert find_drift(*roots) == []


def test_what_only_a_person_can_tell(roots):
    root, runs = roots
    (runs / "trained" / "metrics.json").write_text("{")
    (root / "runs" / "other.json").write_text('{"run": "oth')
    found = find_drift(*roots)
    assert any("other.json: damaged record" in drift.what for drift in found)
    left = repair(root, found)
    assert len(left) == 2
    assert any("metrics.json is missing or damaged" in line for line in left)


def test_a_directory_of_another_version(roots):
    root, runs = roots
    (root / "runs" / "trained.json").unlink()
    path = runs / "trained" / "metrics.json"
    content = json.loads(path.read_text())
    del content["state"]["descriptions"]
    path.write_text(json.dumps(content))
    assert "trained: done in its directory, but not in the registry" in words(find_drift(*roots))
    content["state"]["baselines"] = {"a_baseline_of_then": {"pos_mean_mm": 1.0}}
    path.write_text(json.dumps(content))
    (line,) = (line for line in words(find_drift(*roots)) if line.startswith("trained"))
    assert line.startswith("trained: a run directory of another version (unknown baseline.")
    assert line.endswith("Received 'a_baseline_of_then'.), and no record")
    path.write_text("{")
    (line,) = (line for line in words(find_drift(*roots)) if line.startswith("trained"))
    assert "of another version" in line
    assert "metrics.json: cannot be read" in line
