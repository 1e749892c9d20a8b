"""`wirechamber show`, `rename` and `remove`: what happens to files, job, record and notes of a run."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys

import pytest

import registry
from app.cli import main
from app.core.files import REPOSITORY
from app.core.lock import locked
from registry import store


def test_show_says_what_the_record_and_the_metrics_say(copied, capsys):
    assert main(["show", "trained"]) == 0
    printed = capsys.readouterr().out
    record = registry.read(registry.root(), "trained")
    assert "run          trained, track_extrapolation\n" in printed
    loss = json.loads((copied / "runs" / "trained" / "history.json").read_text())["best_val_loss"]
    assert f", best epoch {record.best_epoch} of 3 by val_loss {loss:.4g}, " in printed
    assert f"result       {record.metric} " in printed
    assert record.verdict in printed
    assert "next: wirechamber predict trained --data FILES | export trained | compare trained OTHER\n" in printed
    assert main(["show", "trained", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["record"]["value"] == record.value
    assert content["metrics"]["state"]["model"][record.metric] == record.value
    assert {"job.json", "model.keras", "predictions.csv"} <= set(content["files"])


@pytest.mark.parametrize("name", ["..", ".", "../runs"])
def test_a_path_that_is_no_run_is_one_line(name, tmp_path, capsys):
    assert main(["show", name]) == 2
    assert "".join(capsys.readouterr()) == f"{name}: no such run. Expected a run in {tmp_path / 'runs'}.\n"


def test_show_wraps_what_is_longer_than_the_terminal(copied, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    long = {"straight_line": 3.0, **{f"baseline_with_a_long_name_{n}": 2.0 + n for n in range(3)}}
    registry.update(registry.root(), "trained", baselines=long, rationale="a_word " * 30)
    assert main(["show", "trained"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [
        line for line in lines if len(line) > 80 and not line.startswith(("files", "directory", "plots", "next"))
    ] == []
    place = next(n for n, line in enumerate(lines) if line.startswith("result       "))
    assert lines[place + 1].startswith(" " * 13)
    assert sum(line.count("baseline_with_a_long_name") for line in lines[place : place + 5]) == 3


def test_a_removed_run_leaves_its_line_and_what_is_not_its_own(copied, capsys):
    (copied / "runs/trained/my_notes.txt").write_text("keep me")
    assert main(["remove", "trained", "--yes"]) == 0
    printed = capsys.readouterr().out
    assert "removed: trained; its line in the registry stays\n  left, as no run wrote it: my_notes.txt\n" in printed
    assert [path.name for path in (copied / "runs/trained").iterdir() if path.name[0] != "."] == ["my_notes.txt"]
    record = registry.read(registry.root(), "trained")
    assert (record.state, record.reason) == ("removed", "removed by hand")
    assert record.value is not None
    assert "🗑️ removed" in (copied / "registry/README.md").read_text()
    assert main(["registry", "--check"]) == 0
    assert main(["best", "track_extrapolation"]) == 2
    assert main(["show", "trained"]) == 0
    assert "state        removed, removed by hand" in capsys.readouterr().out


def test_nothing_is_removed_without_a_yes(copied, capsys):
    """No terminal: nobody can be asked."""
    command = [sys.executable, "-m", "app", "remove", "trained"]
    done = subprocess.run(
        command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "remove: nobody can be asked here. Expected --yes, which removes without asking.\n"
    assert (copied / "runs/trained/model.keras").exists()


@pytest.mark.parametrize(("answer", "left"), [("y", False), ("n", True), ("", True)])
def test_a_person_is_asked_in_a_terminal(copied, answer, left):
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(REPOSITORY)
        os.execv(sys.executable, [sys.executable, "-m", "app", "remove", "trained"])
    shown = b""
    while b"[y/N] " not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, answer.encode() + b"\n")
    with contextlib.suppress(OSError):  # the terminal is closed by the end of the program
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0
    assert b"remove it? [y/N] " in shown
    assert (b"nothing was removed" in shown) == left
    assert (copied / "runs/trained/model.keras").exists() == left


def test_a_run_that_is_worked_on_is_neither_removed_nor_renamed(copied, capsys):
    with locked(copied / "runs/trained/.lock"):
        for command in (["remove", "trained", "--yes"], ["rename", "trained", "other"]):
            assert main(command) == 2
            line = "runs/trained: a process works on this run. Expected a run that has ended; end it first with SIGTERM"
            assert line in capsys.readouterr().err
    assert (copied / "runs/trained/model.keras").exists()


def test_a_renamed_run_is_found_under_its_new_name_everywhere(copied, capsys):
    root = registry.root()
    registry.note(root, "trained", "a remark")
    before = registry.read(root, "trained")
    assert main(["rename", "trained", "better.name"]) == 0
    assert capsys.readouterr().out == f"renamed: trained is {copied / 'runs/better.name'}\n"
    assert not (copied / "runs/trained").exists()
    assert json.loads((copied / "runs/better.name/job.json").read_text())["name"] == "better.name"
    assert registry.read(root, "better.name") == before.model_copy(update={"run": "better.name"})
    assert store.find(root, "trained") is None
    page = (root / "README.md").read_text()
    assert "#### better.name" in page
    assert "a remark" in page
    assert "trained " not in page.replace("untrained", "")
    assert main(["registry", "--check"]) == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a/b", "not a name. Did you mean 'a_b'?"),
        ("trained", "trained: a run of this name exists already. Expected another name"),
        ("", "not a name."),
    ],
)
def test_a_name_that_cannot_be_is_refused(copied, name, message, capsys):
    assert main(["rename", "trained", name]) == 2
    assert message in capsys.readouterr().err
    assert (copied / "runs/trained/job.json").exists()
