"""Runs that are not finished are reported in the same way by every command."""

from __future__ import annotations

import json
import shutil
import threading

import pytest

import registry
from app.cli import main
from app.config.job_file import parse
from app.core.errors import UserError
from app.core.lock import locked
from app.runs.directory import RunDirectory, of
from app.runs.files import read_job
from app.runs.finished import find_all_finished, find_finished, refuse_unfinished

COMMANDS = (["compare", "one", "two"], ["export", "one"], ["benchmark", "one"], ["best", "track_extrapolation"])


def said(*words, **options):
    with pytest.raises(UserError) as error:
        find_finished(*words, **options)
    assert len(error.value.problems) == 1
    return str(error.value)


@pytest.fixture
def one(made_run):
    """Return the directory of a finished run "one", a model among its files."""
    folder = made_run("one")
    (folder / "model.keras").write_bytes(b"PK\5\6" + 18 * b"\0")  # an empty archive
    (folder / "normalization.json").write_text('{"columns": {"state": ["x"]}}')
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_every_verb_says_the_same_of_a_run_that_a_process_works_on(one, made_run, tmp_path, capsys, words):
    made_run("two", 9.0)
    words = [*words, "--copy-to", str(tmp_path / "copy")] if words[0] == "best" else words
    with locked(one / ".lock", wait=0.0):
        assert main(words) == 2
    assert capsys.readouterr().err == f"{one}: the run is running. Expected a run that is done.\n"


@pytest.mark.parametrize("state", [s for s in registry.STATES if s != "done"])
def test_the_registry_says_how_it_ended(one, state):
    registry.update(registry.root(), "one", state=state, reason="no memory")
    assert said("one") == f"{one}: the run is {state} (no memory). Expected a run that is done."


def test_a_run_whose_process_was_killed(one):
    registry.update(registry.root(), "one", state="running")
    assert "one: the run is running (says the registry, but nobody holds its lock). Expected" in said("one")


def test_a_verb_that_looks_at_the_run_for_a_moment_disturbs_nobody(one):
    held, done = threading.Event(), threading.Event()

    def look():
        with locked(one / ".lock", wait=0.0):
            held.set()
            done.wait(0.2)

    other = threading.Thread(target=look)
    other.start()
    held.wait()
    assert find_finished("one").path == one.resolve()
    other.join()


def test_of_a_run_elsewhere_its_files_speak(one, tmp_path):
    shutil.move(one, tmp_path / "elsewhere")
    registry.update(registry.root(), "one", state="running")
    assert find_finished(str(tmp_path / "elsewhere")).name == "elsewhere"


def test_missing_files(one):
    (one / "history.json").unlink()
    find_finished("one", "model")
    assert said("one", "history") == f"{one}/history.json: is missing. Expected a file of a run that is done."
    (one / "model.keras").unlink()
    assert said("one", "model") == f"{one}/model.keras: the run has no model yet. Expected a run that is done."
    (one / "metrics.json").unlink()
    assert "one: the run has not finished: there is no metrics.json. Expected a run that is done." in said("one")
    (one / "metrics.json").write_text("{}")
    (one / "job.json").unlink()
    assert "one/job.json: is missing. Expected the job of a run." in said("one")
    with pytest.raises(UserError, match=r"absent: the run's directory is not on this machine"):
        refuse_unfinished(of("absent"))


@pytest.mark.parametrize("text", ["", ".", "..", "/", "a" * 5000])
def test_what_names_no_run(one, text):
    assert "no such run. Expected a run in " in said(text)


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("metrics", "", "metrics.json: cannot be read (Expecting value"),
        ("metrics", "[1]", "metrics.json: holds no JSON object."),
        ("metrics", "{}", "metrics.json: holds no task."),
        ("metrics", '{"state": {"metric": "a"}}', "metrics.json.state.better: required key is missing."),
        ("job", "{}", "job.json.application: required key is missing."),
        (
            "job",
            '{"application": "a", "tasks": {"s": {"targets": [], "metrics": []}}}',
            "tasks.s.metrics: not",
        ),
        ("history", '{"train": [{"loss": 1}]}', "history.json.train.0.epoch: required key is missing."),
        ("provenance", '{"dataset": []}', "provenance.json.dataset: not valid. Expected an object. Received []."),
        ("model_config", '{"parameters": "x"}', "model_config.json.parameters: not valid."),
        ("normalization", "{}", "normalization.json.columns: required key is missing."),
        ("model", "PK", "model.keras: cannot be read as a model (it is not a complete zip archive)."),
        ("job", "[" * 100000, "job.json: cannot be read (maximum recursion depth"),
    ],
)
def test_damaged_files(one, file, content, line):
    getattr(RunDirectory(one), file).write_text(content)
    text = said("one", "history", "provenance", "model_config", "normalization", "model")
    assert line in text
    assert len(text) < 400


def test_the_mistakes_of_several_runs_are_told_at_once(one, made_run):
    made_run("failed", state="failed", reason="no memory")
    with pytest.raises(UserError) as error:
        find_all_finished(["onee", "failed", "one", str(one)])
    lines = str(error.value).splitlines()
    assert [line.partition(". ")[0].rpartition("/")[2] for line in lines] == [
        "onee: no such run", "failed: the run is failed (no memory)", "one: given twice"
    ]  # fmt: skip


def test_a_mistake_is_told_once_whatever_came(one):
    (one / "metrics.json").write_text("{}")
    with pytest.raises(UserError) as error:
        find_all_finished(["one", "one"])
    assert str(error.value) == f"{one}/metrics.json: holds no task. Received {{}}."


def test_metrics_of_a_task_that_the_job_lacks(one, made_run, capsys):
    made_run("two")
    job = json.loads((one / "job.json").read_text())
    job["tasks"] = {"stat": job["tasks"]["state"]}
    (one / "job.json").write_text(json.dumps(job))
    assert main(["compare", "one", "two"]) == 2
    assert "one/metrics.json: unknown task. Did you mean 'stat'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.b", "-x", "position, mm"])
def test_a_run_of_an_older_version_keeps_the_names_of_its_tasks(small_job, tmp_path, name):
    (task,) = small_job["tasks"].values()
    content = {**small_job, "tasks": {name: task}}
    (tmp_path / "job.json").write_text(json.dumps(content))
    assert list(read_job(tmp_path / "job.json").tasks) == [name]
    with pytest.raises(UserError, match=r"not a name\. Did you mean"):
        parse(content)
