"""The registry follows real event logs where no pool answers."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

import registry
from app.cli import main
from app.core.errors import UserError
from app.submission.again import choose_broken, memory_of
from app.submission.status import TO_FIX, follow_registry, gather, one_for_each_run, state_of
from jobs.event_log import History
from jobs.job_state import JobState
from jobs.submission import Index, make_submission

LOGS = Path(__file__).parents[1] / "jobs" / "logs"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def submitted(tmp_path, monkeypatch):
    """Return a function that makes a submission of the run "mlp" as it was when the event `until` had happened."""
    config = tmp_path / "condor_config"
    config.write_text("CONDOR_HOST = 127.0.0.1\nCOLLECTOR_HOST = 127.0.0.1:1\n")
    monkeypatch.setenv("CONDOR_CONFIG", str(config))

    def run(log, until=None, state="queued"):
        made = make_submission(tmp_path / "runs" / ".condor", "mlp")
        text = (LOGS / f"{log}.log").read_text()
        blocks = text.split("...\n")
        if until is not None:
            last = next(n for n, block in enumerate(blocks) if block.startswith(f"{until:03d} "))
            blocks = [*blocks[: last + 1], ""]
        made.events.write_text("...\n".join(blocks))
        made.write_index(Index(cluster=4, runs=("mlp",), memory=(256,)))
        registry.create(tmp_path / "registry", registry.Record(run="mlp", application="x", state=state))
        return tmp_path / "runs" / ".condor"

    return run


@pytest.mark.parametrize(
    ("log", "until", "expected"),
    [
        ("held_and_evicted", 0, "idle"),
        ("held_and_evicted", 1, "running"),
        ("held_and_evicted", 12, "held"),
        ("held_and_evicted", 13, "evicted"),
        ("held_and_evicted", 4, "evicted"),
        ("retried", None, "failed"),
    ],
)
def test_the_state_follows_the_log(submitted, tmp_path, log, until, expected):
    folder = submitted(log, until)
    follow_registry(gather(folder, None), asked=False)
    found = registry.read(tmp_path / "registry", "mlp")
    assert found.state == expected
    assert found.job_id == "4.0"
    if expected == "failed":
        assert found.reason == "ended with exit code 1"


def test_status_without_a_pool_says_so_and_how_to_mend(submitted, tmp_path, capsys):
    submitted("held_and_evicted", 12)
    assert main(["status"]) == 0
    output = capsys.readouterr().out
    assert "What follows comes from the event logs alone." in output
    assert "mlp is held: it used more memory than it asked for (653 MB of 256 MB)" in output
    assert "fix: wirechamber resubmit mlp" in output
    assert "1 held" in output


def test_the_report_says_why_a_run_is_held_and_what_to_do(submitted, tmp_path, capsys):
    submitted("held_and_evicted", 12)
    assert main(["report", "--out", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "it used more memory than it asked for (653 MB of 256 MB)" in page
    assert "<td>wirechamber resubmit mlp</td>" in page
    (tmp_path / "runs" / ".condor" / "broken").mkdir()
    (tmp_path / "runs" / ".condor" / "broken" / "submission.json").write_text("{")
    assert main(["report", "--out", str(tmp_path / "report.html")]) == 0
    assert "the state of the pool is not known: " in capsys.readouterr().out


def test_status_where_nothing_was_submitted(tmp_path, capsys):
    assert main(["status"]) == 0
    assert "nothing was submitted from here" in capsys.readouterr().out


def test_a_run_that_ended_with_0_and_left_nothing_has_failed(submitted, tmp_path):
    folder = submitted("held_and_evicted")
    follow_registry(gather(folder, None), asked=False)
    assert registry.read(tmp_path / "registry", "mlp").reason == "ended with exit code 0 and left no result"


def test_what_a_run_says_of_itself_is_not_overwritten(submitted, tmp_path):
    folder = submitted("retried")
    registry.update(tmp_path / "registry", "mlp", state="failed", reason="loss is nan")
    follow_registry(gather(folder, None), asked=False)
    assert registry.read(tmp_path / "registry", "mlp").reason == "loss is nan"


def test_news_of_an_old_record_are_dropped(tmp_path):
    root = tmp_path / "registry"
    seen = registry.create(root, registry.Record(run="mlp", application="x"))
    registry.update(root, "mlp", epoch=3)
    assert registry.follow(root, [(seen, {"state": "idle"})]) == []
    assert registry.read(root, "mlp").state == "queued"


def test_what_was_brought_home_is_adopted(submitted, tmp_path):
    folder = submitted("held_and_evicted", state="idle")
    shutil.copytree(tmp_path / "registry", tmp_path / "runs" / "mlp" / "registry")
    registry.update(tmp_path / "runs/mlp/registry", "mlp", state="done", epoch=7, value=0.5, config="elsewhere.json")
    follow_registry(gather(folder, None), asked=False)
    found = registry.read(tmp_path / "registry", "mlp")
    assert (found.state, found.epoch, found.value, found.config) == ("done", 7, 0.5, "")


def job(phase=None, given=256, asked=256, **facts):
    return JobState("mlp", (4, 0), None if phase is None else History(phase, NOW, **facts), given, asked)


def test_a_job_that_nobody_knows_is_lost_only_when_the_pool_was_asked():
    assert state_of(job(), "running", asked=True) == ("failed", "it is neither in the queue nor in the event log")
    assert state_of(job(), "running", asked=False) == ("running", "")
    assert state_of(job(), "done", asked=True) == ("done", "")


def test_resubmitted_until_it_starts():
    assert state_of(job("idle", starts=1), "resubmitted")[0] == "resubmitted"
    assert state_of(job("running", starts=2), "resubmitted")[0] == "running"
    assert state_of(job("running", starts=2), "interrupted")[0] == "interrupted"  # it will say so itself


def test_more_memory_only_where_memory_was_the_reason():
    held = job("held", hold=(26, 102, "x"), memory=653)
    assert memory_of(held, None) == 980  # 1.5 times what it used, which was cut off
    assert memory_of(job("completed", signal=9), None) == 384
    assert memory_of(job("completed", exit_code=1, memory=653), None) == 256
    assert memory_of(held, 4096) == 4096
    assert memory_of(job("held", asked=1099, hold=(34, 0, "x")), None) == 1099  # HTCondor has raised it already


def test_what_is_chosen_for_resubmission():
    held, failed = job("held", hold=(1, 0, "")), job("completed", exit_code=1)
    assert choose_broken([held], []) == [held]
    assert choose_broken([failed], ["mlp"]) == [failed]
    assert choose_broken([job("removed")], []) == []
    assert choose_broken([job("removed")], ["mlp"]) == [job("removed")]
    with pytest.raises(UserError, match=r"mlp: nothing to fix.*'running'"):
        choose_broken([job("running")], ["mlp"])
    with pytest.raises(UserError, match=r"mlq: never submitted\. Did you mean 'mlp'\?"):
        choose_broken([held], ["mlq"])


def test_resubmit_needs_a_pool(submitted, capsys):
    submitted("held_and_evicted", 12)
    assert main(["resubmit"]) == 1
    assert "No HTCondor" in capsys.readouterr().err
    assert main(["resubmit", "--memory", "lots"]) == 2


def test_the_files_of_a_submission_are_json(submitted, tmp_path):
    folder = submitted("retried")
    (index,) = folder.glob("*/submission.json")
    assert json.loads(index.read_text())["cluster"] == 4


def test_of_several_workers_the_one_at_work_counts():
    removed, running, held = job("removed", reason="a test"), job("running"), job("held", hold=(1, 0, "x"))
    assert one_for_each_run([removed, running, held]) == [running]
    assert one_for_each_run([removed, held]) == [held]
    assert one_for_each_run([removed, running, held], TO_FIX) == [held]
    assert one_for_each_run([removed, job("completed", exit_code=0)]) == [job("completed", exit_code=0)]
