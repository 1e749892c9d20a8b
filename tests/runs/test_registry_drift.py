"""The registry against the run directories: every way to disagree is found, and repaired from the directory."""

import json
import subprocess

import pytest

import registry
from app.cli import main
from app.core.lock import locked
from app.runs import directory
from app.runs.registry_drift import find_drift, repair
from app.runs.replaced import aside, set_aside


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


@pytest.mark.parametrize(
    "content", ['{"state": [1]}', '{"state": {}}', "[]", '{"state": {"metric": "x", "better": "up"}}']
)
def test_metrics_of_another_shape_are_one_line(roots, capsys, content):
    (roots[1] / "trained" / "metrics.json").write_text(content)
    assert main(["registry", "--check"]) == 1
    assert capsys.readouterr().out == "trained: done in the registry, but metrics.json is missing or damaged\n"
    assert main(["plots", "trained"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{roots[1]}/trained/metrics.json")


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_run_that_died_with_damaged_metrics_hides_no_other(roots, state):
    root, runs = roots
    registry.update(root, "trained", state=state)
    registry.create(root, registry.Record(run="other", application="tracks", state="running"))
    (runs / "trained" / "metrics.json").write_text('{"state": []}')
    found = words(find_drift(root, runs))
    assert found[0] == "other: running in the registry, but no process works on it"
    assert found[1].startswith(f"trained: {runs}/trained/metrics.json.state: not valid. Expected an object.")


def test_a_finished_run_that_is_called_interrupted_is_done(roots):
    root, runs = roots
    before = registry.read(root, "trained")
    registry.update(root, "trained", state="interrupted", reason="SIGTERM")
    (drift,) = find_drift(root, runs)
    assert drift.what == "interrupted in the registry, but finished in its directory"
    assert repair(root, [drift]) == []
    assert (registry.read(root, "trained").state, registry.read(root, "trained").value) == ("done", before.value)


def test_a_run_that_was_set_aside_is_named_and_put_back(roots, capsys):
    """As a kill in the middle of `run --overwrite` leaves it."""
    run = directory.of("trained", roots[1])
    set_aside(run)
    assert not run.job.exists()
    assert main(["registry", "--check"]) == 1
    line = "trained: .replaced holds the run that a killed --overwrite had set aside; --repair puts it back\n"
    assert line in capsys.readouterr().out
    assert main(["registry", "--repair"]) == 0
    assert run.metrics.exists()
    assert not aside(run).exists()
