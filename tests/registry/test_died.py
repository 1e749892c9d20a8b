"""A run whose process died without a word is shown as interrupted by the next command that reads its record."""

import json
import signal
import subprocess
import sys

import pytest

import registry
from app.cli import main
from app.core.files import REPOSITORY
from app.core.lock import locked
from registry import store

WORK = (
    "import sys, pathlib, registry\n"
    "record = registry.Record(run='one', application='tracks', state='running', host='here',"
    " processes=(registry.Process.of_this(),))\n"
    "registry.create(pathlib.Path(sys.argv[1]), record)\n"
    "print('running', flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def worker(tmp_path):
    """Return a process that has registered its run, in tmp_path/registry, and works on it."""
    command = [sys.executable, "-c", WORK, str(tmp_path / "registry")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "running\n"
        yield process
        process.kill()


def test_a_killed_process_leaves_no_run_that_is_running(worker, tmp_path, capsys):
    root = tmp_path / "registry"
    assert registry.read(root, "one").state == "running"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    record = registry.read(root, "one")
    reason = f"the process {worker.pid} on here ended without a word; resume with --resume"
    assert (record.state, record.reason, record.processes) == ("interrupted", reason, ())
    assert [r.state for r in registry.read_all(root).records] == ["interrupted"]
    assert on_disk(root)["state"] == "running"
    assert main(["registry"]) == 0
    assert "interrupted" in capsys.readouterr().out
    assert (on_disk(root)["state"], on_disk(root)["reason"]) == ("interrupted", reason)
    assert on_disk(root)["updated"] == record.updated
    assert "interrupted" in (root / "README.md").read_text()
    assert registry.update(root, "one", state="running").state == "running"  # as a run that is resumed
    assert registry.read(root, "one").state == "running"


def on_disk(root):
    return json.loads((root / "runs/one.json").read_text())


@pytest.mark.parametrize(
    "words",
    [["best", "tracks"], ["report", "--out", "report.html"], ["status"], ["registry", "note", "one", "It was killed."]],
    ids=lambda words: words[0],
)
def test_the_next_command_writes_it_down(words, worker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "condor_config"
    config.write_text("CONDOR_HOST = 127.0.0.1\nCOLLECTOR_HOST = 127.0.0.1:1\n")
    monkeypatch.setenv("CONDOR_CONFIG", str(config))
    worker.kill()
    worker.wait()
    main(words)
    assert on_disk(tmp_path / "registry")["state"] == "interrupted"
    assert "interrupted" in (tmp_path / "registry" / "README.md").read_text()


def test_an_update_of_another_run_writes_it_down(worker, tmp_path):
    root = tmp_path / "registry"
    registry.create(root, registry.Record(run="two", application="tracks"))
    worker.kill()
    worker.wait()
    registry.update(root, "two", state="running")
    assert on_disk(root)["state"] == "interrupted"


def test_where_another_process_writes_it_is_only_shown(worker, tmp_path):
    root = tmp_path / "registry"
    worker.kill()
    worker.wait()
    with locked(root / ".lock"):
        registry.settle(root)
        assert registry.read(root, "one").state == "interrupted"
    assert on_disk(root)["state"] == "running"


def test_a_run_that_is_taken_up_is_not_called_dead(worker, tmp_path):
    """The process that resumes writes under the lock; who saw the dead one before looks again."""
    root = tmp_path / "registry"
    worker.kill()
    worker.wait()
    died = store.read_all(root).died
    registry.begin(root, "one", state="running", processes=(registry.Process.of_this(),))
    store.write_ends(root, died)
    assert died == ("one",)
    assert on_disk(root)["state"] == "running"


@pytest.mark.parametrize("change", [{"machine": "elsewhere boot namespace"}, None])
def test_a_record_of_another_machine_or_without_a_process_stays_as_it_is(change, worker, tmp_path):
    path = tmp_path / "registry/runs/one.json"
    worker.kill()
    worker.wait()
    content = json.loads(path.read_text())
    content["processes"] = [] if change is None else [content["processes"][0] | change]
    if change is None:
        del content["processes"]  # as version 0.1 wrote it
    path.write_text(json.dumps(content))
    assert registry.read(tmp_path / "registry", "one").state == "running"


def test_a_run_of_several_processes_is_running_while_one_of_them_lives(worker, tmp_path):
    root = tmp_path / "registry"
    registry.update(root, "one", processes=(*registry.read(root, "one").processes, registry.Process.of_this()))
    worker.kill()
    worker.wait()
    assert registry.read(root, "one").state == "running"
