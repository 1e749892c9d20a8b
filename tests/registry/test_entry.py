"""The registry as runs use it: many processes at once, states and times, what is refused, what survives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError
from untraced import process_environment

import registry
from app.core.errors import UserError
from app.core.lock import locked
from registry import Record

REPOSITORY = Path(__file__).resolve().parents[2]

TRAININGS = """
import os, pathlib, sys, registry
root = pathlib.Path(sys.argv[1])
facts = {"application": "track_extrapolation", "state": "running", "metric": "pos_mean_mm"}
for n in range(20):
    if os.fork() == 0:
        run = f"run_{n:02d}"
        registry.create(root, registry.Record(run=run, **facts))
        registry.update(root, run, epoch=1)
        registry.update(root, run, state="done", value=n + 1.0, baselines={"polynomial": 10.5})
        os._exit(0)
sys.exit(sum(os.wait()[1] != 0 for _ in range(20)))
"""
HOLDING = """
import pathlib, sys, time
from app.core.lock import locked
with locked(pathlib.Path(sys.argv[1]) / ".lock"):
    print("held", flush=True)
    time.sleep(60)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=process_environment(), stdout=subprocess.PIPE, text=True)


def a_record(run: str = "mlp_v1", **facts: object) -> Record:
    return Record.model_validate({"run": run, "application": "track_extrapolation", **facts})


def test_twenty_runs_that_appear_and_finish_at_once_lose_nothing(tmp_path: Path) -> None:
    process = start(TRAININGS, tmp_path)
    process.communicate(timeout=100)
    assert process.returncode == 0
    text = (tmp_path / "README.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ✅ done | run_")]
    assert [row.split("|")[2].strip() for row in rows] == [f"run_{n:02d}" for n in range(20)]  # the best first
    assert text == registry.render(registry.read_all(tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "runs"]


def test_a_run_killed_while_it_writes_the_table_does_not_block_the_next(tmp_path: Path) -> None:
    process = start(HOLDING, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    begin = time.monotonic()
    registry.create(tmp_path, a_record())
    assert time.monotonic() - begin < 5
    assert "mlp_v1" in (tmp_path / "README.md").read_text()


def test_a_run_that_appears_during_the_writing_is_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.create(tmp_path, a_record("first"))
    render = registry.entry.render

    def slow(contents: registry.Contents) -> str:
        if len(contents.records) == 1:
            registry.store.write(tmp_path, a_record("second"))
        return render(contents)

    monkeypatch.setattr("registry.entry.render", slow)
    registry.refresh(tmp_path)
    assert "second" in (tmp_path / "README.md").read_text()


def test_a_table_that_cannot_be_written_now_does_not_stop_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry.create(tmp_path, a_record())
    monkeypatch.setattr("registry.entry.locked", lambda path: locked(path, wait=0))
    with locked(tmp_path / ".lock"):
        assert registry.update(tmp_path, "mlp_v1", state="running").state == "running"
    assert f"not up to date: {tmp_path / '.lock'}: held by process {os.getpid()}" in caplog.text
    registry.refresh(tmp_path)
    assert "⏳ running" in (tmp_path / "README.md").read_text()


def test_a_table_that_cannot_be_written_at_all_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "README.md" / "in_the_way").mkdir(parents=True)
    assert registry.create(tmp_path, a_record()).run == "mlp_v1"
    assert f"not up to date: {tmp_path / 'README.md'}: cannot be written (Is a directory)" in caplog.text


def test_times_and_reason_follow_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(f"2026-01-01T00:00:{second:02d}Z" for second in range(60))
    monkeypatch.setattr("registry.store.now", lambda: next(clock))
    created = registry.create(tmp_path, a_record(created="2025-12-31T00:00:00Z"))
    assert (created.state, created.created, created.started) == ("queued", "2025-12-31T00:00:00Z", None)
    assert registry.update(tmp_path, "mlp_v1", state="running").started == "2026-01-01T00:00:01Z"
    failed = registry.update(tmp_path, "mlp_v1", state="failed", reason="loss is NaN in epoch 3")
    assert (failed.finished, failed.reason) == ("2026-01-01T00:00:02Z", "loss is NaN in epoch 3")
    resumed = registry.update(tmp_path, "mlp_v1", state="running")
    assert (resumed.started, resumed.finished, resumed.reason) == ("2026-01-01T00:00:01Z", None, "")
    assert registry.update(tmp_path, "mlp_v1", state="done").updated == "2026-01-01T00:00:04Z"
    assert registry.read(tmp_path, "mlp_v1").finished == "2026-01-01T00:00:04Z"


def test_a_registered_name_is_not_overwritten_unasked(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record(rationale="the first"))
    with pytest.raises(UserError, match=r"mlp_v1\.json: a run of this name is registered already.*--overwrite"):
        registry.create(tmp_path, a_record(rationale="the second"))
    assert registry.read(tmp_path, "mlp_v1").rationale == "the first"
    registry.create(tmp_path, a_record(rationale="the second"), replace=True)
    assert registry.read(tmp_path, "mlp_v1").rationale == "the second"


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "with space", "naïve", "a\n", "pipe|", "x" * 121])
def test_names_that_are_no_file_name_everywhere_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="run"):
        a_record(name)


@pytest.mark.parametrize("state", ["failed", "held"])
def test_a_failed_or_held_run_says_why(state: str) -> None:
    with pytest.raises(ValidationError, match=f"a run that is {state} needs a reason"):
        a_record(state=state)


def test_a_change_that_the_record_does_not_know_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record())
    before = (tmp_path / "runs" / "mlp_v1.json").read_bytes()
    with pytest.raises(ValidationError, match="epoc"):
        registry.update(tmp_path, "mlp_v1", epoc=3)
    assert (tmp_path / "runs" / "mlp_v1.json").read_bytes() == before


def test_the_run_changed_may_not_become_another(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record())
    with pytest.raises(TypeError):
        registry.update(tmp_path, "mlp_v1", **{"run": "mlp_v2"})
    assert registry.find(tmp_path, "mlp_v2") is None


def test_progress_alone_does_not_write_the_table_every_epoch(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record(state="running", epochs=9))
    table = tmp_path / "README.md"
    registry.update(tmp_path, "mlp_v1", epoch=5)
    assert "running 5/9" not in table.read_text()
    assert registry.read(tmp_path, "mlp_v1").epoch == 5
    os.utime(table, (time.time() - 60,) * 2)
    registry.update(tmp_path, "mlp_v1", epoch=6)
    assert "running 6/9" in table.read_text()


def test_the_verdict_follows_the_figures_unless_it_is_given(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record(state="running"))
    done = registry.update(tmp_path, "mlp_v1", state="done", value=0.2, baselines={"polynomial": 0.1})
    assert done.verdict == "does NOT beat polynomial (0.100): 2.0x worse"
    assert registry.update(tmp_path, "mlp_v1", verdict="by hand").verdict == "by hand"


def test_a_figure_that_is_not_finite_is_kept_as_null_and_beats_nothing(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record())
    facts = {"value": float("nan"), "metrics": {"pos_95_mm": float("inf")}, "baselines": {"straight_line": 431.0}}
    done = registry.update(tmp_path, "mlp_v1", state="done", **facts)
    assert (done.value, done.metrics, done.unbeaten) == (None, {"pos_95_mm": None}, ["straight_line"])
    assert json.loads((tmp_path / "runs" / "mlp_v1.json").read_text())["value"] is None
    assert "no finite value, so it beats no baseline" in (tmp_path / "README.md").read_text()


def test_an_unknown_run_is_named_with_the_nearest(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record())
    for action in (lambda: registry.read(tmp_path, "mlp_v2"), lambda: registry.note(tmp_path, "mlp_v2", "text")):
        with pytest.raises(UserError, match=r"no such run in the registry\. Did you mean 'mlp_v1'\?"):
            action()
    assert registry.find(tmp_path, "mlp_v2") is None


def test_a_note_never_touches_the_record_and_notes_from_many_processes_all_stay(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record())
    before = (tmp_path / "runs" / "mlp_v1.json").read_bytes()
    code = "import pathlib, sys, registry; registry.note(pathlib.Path(sys.argv[1]), 'mlp_v1', sys.argv[2])"
    processes = [start(code, tmp_path, f"remark {n}\nover two lines") for n in range(6)]
    for process in processes:
        process.communicate(timeout=60)
    assert (tmp_path / "runs" / "mlp_v1.json").read_bytes() == before
    text = (tmp_path / "README.md").read_text()
    assert all(f": remark {n} over two lines" in text for n in range(6))
    assert len((tmp_path / "notes" / "runs" / "mlp_v1.md").read_text().splitlines()) == 6


def test_an_empty_note_is_refused(tmp_path: Path) -> None:
    registry.create(tmp_path, a_record())
    with pytest.raises(UserError, match="an empty note"):
        registry.note(tmp_path, "mlp_v1", " \n")


def test_the_root_is_the_variable_or_the_repositorys_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WIRECHAMBER_REGISTRY", str(tmp_path))
    assert registry.root() == tmp_path
    monkeypatch.delenv("WIRECHAMBER_REGISTRY")
    assert registry.root() == REPOSITORY / "registry"


def test_a_job_file_inside_the_repository_is_shown_relative_to_it() -> None:
    assert a_record(config=str(REPOSITORY / "json" / "x.json")).config == "json/x.json"
    assert a_record(config="/elsewhere/x.json").config == "/elsewhere/x.json"
    assert a_record(config="json/x.json").config == "json/x.json"


def test_the_registry_is_imported_without_the_heavy_libraries() -> None:
    code = "import sys, registry; print(*{'tensorflow', 'keras', 'numpy', 'matplotlib', 'rich'} & set(sys.modules))"
    assert start(code).communicate(timeout=60)[0] == "\n"


@pytest.mark.parametrize(
    ("events", "verdict"), [(29, "on 29 test events only: "), (1, "on 1 test event only: "), (30, "")]
)
def test_a_result_on_few_events_says_so_wherever_it_stands(tmp_path, events, verdict):
    facts = {"metric": "rms", "value": 1.0, "baselines": {"mean": 2.0}, "test_events": events, "dataset": "d"}
    registry.create(tmp_path, Record(run="small", application="a", state="running"))
    record = registry.update(tmp_path, "small", state="done", **facts)
    assert record.verdict == f"{verdict}beats mean (2.00) by 2.0x"
    page = (tmp_path / "README.md").read_text()
    assert page.count(f"{verdict}beats mean (2.00) by 2.0x") == 3  # the best so far, its row, its section
