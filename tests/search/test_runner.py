"""Searches in processes of their own: from the job to the registry, and what kills, NaN and the clock do to them."""

import csv
import json
import signal

import pytest

import registry
from app.cli import main
from app.config.job_file import load, parse
from app.core.errors import WirechamberError
from app.core.system import describe_end
from app.execution.session import Options
from app.search.devices import gpus, slots
from app.search.runner import report_no_result
from app.search.state import SearchState, Trial
from app.search.trial import NeverLogged, TrialTask, describe_failure, score_of
from app.training.checkpoint import find_latest

LONG = {"epochs": 60, "batch_size": 64, "optimizer": {"name": "adam", "learning_rate": 1e-2}, "xla": False}
SHORT = {**LONG, "epochs": 2}
RATES = {"training.optimizer.learning_rate": {"choice": [1e-3, 1e-2, 1e30]}}
HIDDEN = {"model.hidden": {"choice": [[4], [6], [8], [10]]}}


def table(state):
    with (state.run / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def run_of(state, trial):
    return state.runs / f"{state.run.name}_trial_{trial.id}"


def checkpoint_of(state, trials):
    """Return the number of the last epoch that the running trial has saved, or 0."""
    running = [trial for trial in trials if trial.state == "running"]
    found = find_latest(run_of(state, running[0]) / "checkpoints") if running else None
    return int(found.name.removeprefix("epoch_")) if found else 0


def starts(state, trial):
    """Return how many times a trial was begun and resumed, by its log."""
    log = (run_of(state, trial) / "log.txt").read_text()
    return log.count("epoch 1/"), log.count("resumed from")


@pytest.mark.slow
def test_from_the_job_to_the_registry(command, searched, capsys):
    content = searched(tuner="grid", objective="val_pos_mean_mm", space=RATES, training=SHORT, seed=1)
    search = command(content)
    assert search.ends() == 0, search.output
    rows = {row["training.optimizer.learning_rate"]: row for row in table(search.state)}
    assert [rows[rate]["state"] for rate in ("0.001", "0.01", "1e+30")] == ["done", "done", "failed"]
    assert all(float(row["seconds"]) > 0.01 for row in rows.values())  # also what the failed one took
    assert "nan" in rows["1e+30"]["reason"] or "inf" in rows["1e+30"]["reason"]
    best = min((row for row in rows.values() if row["state"] == "done"), key=lambda r: float(r["val_pos_mean_mm"]))
    trials = search.state.trials()
    assert not [trial.id for trial in trials if (run_of(search.state, trial) / "metrics.json").exists()]
    history = json.loads((search.state.runs / f"small_trial_{best['trial']}" / "history.json").read_text())
    row = history["val"][history["best_epoch"] - 1]
    assert float(best["val_pos_mean_mm"]) == row["pos_mean_mm"]
    record = registry.read(registry.root(), "small")
    assert [one.run for one in registry.read_all(registry.root()).records] == ["small"]
    assert (record.state, record.metrics["trials"], record.metrics["failed_trials"]) == ("done", 3, 1)
    assert record.metrics["best_val_pos_mean_mm"] == row["pos_mean_mm"]
    assert "grid search: 3 trials, 1 failed" in record.notes[-1][1]
    assert f"train the winner in full: wirechamber run {search.state.run / 'best.json'}\n" in search.output
    _best_runs(search, best, record)
    assert main(["run", "--config", str(search.log.parent / "job.json")]) == 2
    assert "the run exists already" in " ".join(capsys.readouterr().err.split())
    assert main(["run", "--config", str(search.log.parent / "job.json"), "--resume"]) == 0
    assert "finished already" in capsys.readouterr().out
    assert search.state.trials() == trials


def _best_runs(search, best, record):
    """The job of the winner, trained again, is the winner: same seed, same figures on the test split."""
    file = search.state.run / "best.json"
    (job,) = load(file)
    assert (job.name, job.hyperopt) == ("small_best", None)
    assert job.training.optimizer.options.learning_rate == float(best["training.optimizer.learning_rate"])
    assert main(["run", "--config", str(file)]) == 0
    assert registry.read(registry.root(), "small_best").value == pytest.approx(record.value, rel=1e-3)


@pytest.mark.slow
def test_killed_worker_and_killed_trial(command, searched, kill_trial):
    """kill -9 the worker, resume; kill -9 a trial; resume: nothing is lost, nothing runs twice."""
    content = searched(max_trials=3, space=HIDDEN, training=LONG, seed=1)
    search = command(content)
    state = search.state
    search.until(lambda trials: checkpoint_of(state, trials) >= 2)
    search.kill()
    assert registry.read(registry.root(), "small").state == "interrupted"
    first = state.trials()[0]
    assert first.state == "running"
    search = command(content, "--resume")
    search.until(lambda trials: len(trials) == 2 and checkpoint_of(state, trials) >= 2)
    assert state.read(first.id).attempts == 2
    assert starts(state, first) == (1, 1)
    second = state.trials()[1]
    kill_trial(second)
    search.until(lambda trials: len(trials) == 3)
    failed = state.read(second.id)
    assert (failed.state, failed.killed) == ("failed", True)
    assert f"{second.owner.rpartition(':')[2]} was killed by SIGKILL (exit code 137)" in failed.reason
    record = registry.read(registry.root(), "small")
    assert (record.state, [process.pid for process in record.processes]) == ("running", [search.process.pid])
    search.kill(signal.SIGTERM)
    assert search.process.returncode == 85
    search = command(content, "--resume")
    assert search.ends() == 0, search.output
    trials = state.trials()
    assert [trial.state for trial in trials] == ["done"] * 3
    assert [starts(state, trial)[0] for trial in trials] == [1, 1, 1]
    assert starts(state, second) == (1, 1)
    assert len(list(state.runs.glob("*/job.json"))) == 3
    for trial in trials:
        assert len(json.loads((run_of(state, trial) / "history.json").read_text())["train"]) == LONG["epochs"]


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed(command, searched):
    content = searched(max_trials=4, space=HIDDEN, training=LONG, seed=2)
    one = command(content)
    state = one.state
    one.until(lambda trials: len(trials) == 1)
    other = command(content, "--resume")
    one.until(lambda trials: len({t.owner for t in trials if t.state == "running"} - {""}) == 2)
    one.until(lambda trials: checkpoint_of(state, trials) >= 1)
    one.kill()
    assert other.ends() == 0, other.output
    trials = state.trials()
    assert [trial.state for trial in trials] == ["done"] * 4
    assert [starts(state, trial)[0] for trial in trials] == [1] * 4
    assert sum(trial.attempts for trial in trials) in (4, 5)  # the killed worker may have been between two trials
    assert len(table(state)) == 4
    assert registry.read(registry.root(), "small").state == "done"


@pytest.mark.slow
def test_hyperband_goes_on_where_the_promoted_trial_ended(command, searched):
    content = searched(tuner="hyperband", epochs=3, space=HIDDEN, training=LONG, seed=1, objective="val_loss")
    search = command(content)
    assert search.ends() == 0, search.output
    promoted = next(trial for trial in search.state.trials() if "tuner/trial_id" in trial.drawn)
    before = search.state.read(promoted.drawn["tuner/trial_id"])
    early, late = (
        json.loads((run_of(search.state, trial) / "history.json").read_text())["train"] for trial in (before, promoted)
    )
    assert (len(early), len(late)) == (before.drawn["tuner/epochs"], promoted.drawn["tuner/epochs"]) == (1, 3)
    assert late[:1] == early
    assert "resumed from epoch_000001" in (run_of(search.state, promoted) / "log.txt").read_text()


@pytest.mark.slow
def test_the_time_is_up(command, searched):
    """One trial fits into the time, the second is stopped: exit 0, the best so far is published, resume goes on."""
    content = searched(max_trials=3, space=HIDDEN, training=SHORT, max_hours=60 / 3600, seed=1)
    content["hyperopt"]["executions_per_trial"] = 2
    search = command(content)
    search.until(lambda trials: any(t.state == "done" for t in trials))
    done = search.state.trials()[0]
    assert len(done.scores) == 2
    assert done.score == pytest.approx(sum(done.scores) / 2)
    content["training"] = SHORT
    assert search.ends() == 0, search.output
    content["hyperopt"]["max_hours"] = None
    search = command(content, "--resume")
    assert search.ends() == 0, search.output
    assert [trial.state for trial in search.state.trials()] == ["done"] * 3


@pytest.mark.slow
def test_the_clock_stops_a_long_trial_and_says_so(command, searched):
    content = searched(max_trials=2, space=HIDDEN, training={**LONG, "epochs": 100_000}, max_hours=45 / 3600)
    search = command(content)
    assert search.ends() == 0, search.output
    assert "ended the search before its first trial" in search.output
    assert registry.read(registry.root(), "small").state == "interrupted"
    assert [trial.state for trial in search.state.trials()] == ["running"]


def test_overwriting_a_search_at_work_is_refused(searched, tmp_path, capsys):
    file = tmp_path / "job.json"
    file.write_text(json.dumps(searched()))
    state = SearchState(tmp_path / "runs" / "small")
    state.make()
    state.write(Trial("0000", {}, {}))
    with state.lease("0000"):
        assert main(["run", "--config", str(file), "--overwrite"]) == 2
    assert "other workers work on this search" in " ".join(capsys.readouterr().err.split())


def test_gpus_are_found_without_tensorflow(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-5a")
    assert slots(None) == ["2", "GPU-5a"]
    assert slots(3) == ["2", "GPU-5a", "2"]
    assert slots(1) == ["2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert slots(None) == [None]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: Tesla V100 (UUID: GPU-1)'\necho 'GPU 1: Tesla V100 (UUID: GPU-2)'\n")
    program.chmod(0o755)
    assert gpus() == ["0", "1"]


def test_each_process_sees_one_gpu_and_keeps_its_run_inside_the_search(tmp_path, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_TIME_LIMIT", "100")
    order = TrialTask({}, tmp_path, Options(tmp_path), tmp_path, registry.Process.of_this(), "1")
    assert order.environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert order.environment["WIRECHAMBER_RUNS"] == str(tmp_path / "trials")
    assert "WIRECHAMBER_TIME_LIMIT" not in order.environment


def test_how_a_process_ended():
    assert describe_end(3) == "ended with exit code 3"
    assert describe_end(-9) == "was killed by SIGKILL (exit code 137), as the system does when memory runs out"
    assert describe_end(-6) == "was killed by SIGABRT (exit code 134)"


@pytest.mark.parametrize(("error", "words"), [
    (MemoryError("no room"), "out of memory (MemoryError: no room)"),
    (WirechamberError("loss is nan in batch 3"), "loss is nan in batch 3"),
    (ValueError("a\n  b"), "ValueError: a b"),
])  # fmt: skip
def test_why_a_trial_failed(error, words):
    assert describe_failure(error) == words


def test_the_score_is_that_of_the_kept_model(searched):
    job = parse(searched(objective="val_pos_mean_mm"))
    epochs = [{"epoch": 1, "loss": 2.0, "pos_mean_mm": 0.1}, {"epoch": 2, "loss": 1.0, "pos_mean_mm": 0.3}]
    assert score_of(job, {"val": epochs, "best_epoch": 2}) == 0.3
    with pytest.raises(WirechamberError, match="val_pos_mean_mm is nan"):
        score_of(job, {"val": [{"epoch": 1, "pos_mean_mm": float("nan")}], "best_epoch": 1})
    with pytest.raises(NeverLogged, match=r"objective: never logged by this job. Did you mean 'val_pos_95_mm'"):
        score_of(parse(searched(objective="val_pos_96_mm")), {"val": [{"epoch": 1, "pos_95_mm": 1.0}], "best_epoch": 1})


def test_no_trial_succeeded(searched, tmp_path):
    job = parse(searched())
    with pytest.raises(WirechamberError, match="none of 1 trials succeeded; trial 0000: loss is nan"):
        report_no_result(job, [Trial("0000", {}, {}, "failed", reason="loss is nan")], finished=True)
