"""The process of one trial: it takes a trial, trains it as an ordinary run and writes down the result."""

import contextlib
import math
import os
import shutil
import time
import traceback
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import registry
from app.checks.search import direction, key, never_logged
from app.config import Job
from app.config.derived_jobs import search_of, trial_job
from app.config.job_file import parse
from app.core import interruption
from app.core.errors import UserError, WirechamberError
from app.core.files import read_json, write_file, write_json
from app.core.lock import LeaseLost, LockTaken
from app.core.parts import remove
from app.core.system import redirect_output, roots
from app.execution.progress import show_progress
from app.execution.session import Options
from app.execution.single import train_job
from app.history import flatten_epoch
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runtime.processes import TIME_LIMIT
from app.search.devices import describe_device
from app.search.oracle import ask
from app.search.state import SearchState, Trial, owner
from app.training import checkpoint

NOTHING = 20
"""Exit code of a process that found no trial to run."""
LOST = 21
"""Exit code of a process that slept until another one took over its trial."""
OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError")


@dataclass(frozen=True)
class TrialTask:
    """What the process of a trial needs to know; `worker` has started it, `device` is its GPU, None for the CPU."""

    job: dict[str, Any]
    run: Path
    options: Options
    registry: Path
    worker: registry.Process
    device: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the process: it sees one GPU, and keeps its run and its record inside the search.

        The worker's time limit does not apply to it: the worker stops it.
        """
        state = SearchState(self.run)
        folders = replace(roots(), runs=state.runs, registry=state.registry).environment
        gpu = {} if self.device is None else {"CUDA_VISIBLE_DEVICES": self.device}
        kept = {name: value for name, value in os.environ.items() if name != TIME_LIMIT}
        return {**kept, **folders, **gpu}


class NeverLogged(UserError):  # noqa: N818 - what happened
    """The objective is not among the metrics of the trained job: no trial can be judged."""


def execute(task: TrialTask) -> int:
    """Run one trial in this process and return its exit code; TensorFlow's memory is freed when the process ends."""
    state, job = SearchState(task.run), parse(task.job)
    from app.runtime import device

    device.prepare(job.seed)
    with interruption.orderly(), contextlib.ExitStack() as lease:
        with state.locked():
            trial = take_trial(job, state, lease)
            if trial is None:
                return NOTHING
            trial.owner, trial.device, trial.attempts = owner(), describe_device(task.device), trial.attempts + 1
            trial.started = trial.started or time.time()
            state.write(trial)
        try:
            trial = run_trial(job, state, trial, task.options)
            with state.locked():
                state.write(trial)
                metrics = search_metrics(job, state.trials())
                known = registry.read(task.registry, job.name).processes
                workers = tuple(dict.fromkeys([*(p for p in known if not p.has_ended), task.worker]))
                registry.update(task.registry, job.name, state="running", processes=workers, metrics=metrics)
        except LeaseLost:
            return LOST
    return 0


def take_trial(job: Job, state: SearchState, lease: contextlib.ExitStack) -> Trial | None:
    """Return a trial that no process runs any more, or a new one, or None; `lease` keeps the lease of the trial."""
    trials = state.trials()
    for trial in trials:
        if trial.state == "running":
            with contextlib.suppress(LockTaken):
                lease.enter_context(state.lease(trial.id))
                return trial
    drawn = ask(job, state).trial if len(trials) < search_of(job).limit else None
    if drawn is not None:
        lease.enter_context(state.lease(drawn.id))
    return drawn


def run_trial(job: Job, state: SearchState, trial: Trial, options: Options) -> Trial:
    """Train, and return the trial with its scores or with the reason why it has none."""
    scores, seconds, best, begun = list[float](), 0.0, None, time.monotonic()
    try:
        with interruption.as_interruption():
            for execution in range(search_of(job).executions_per_trial):
                history = train_execution(job, trial, options, execution)
                scores.append(score_of(job, history))
                seconds, best = seconds + history["training_time"], best or history["best_epoch"]
    except LeaseLost:  # the trial is another process's
        raise
    except Exception as error:
        failed = replace(trial, state="failed", reason=describe_failure(error), fatal=isinstance(error, NeverLogged))
        return replace(failed, seconds=time.monotonic() - begun)
    score = sum(scores) / len(scores)
    return replace(trial, state="done", score=score, scores=scores, best_epoch=best, seconds=seconds)


def describe_failure(error: BaseException) -> str:
    """Return the reason for the failure of a trial, in one line."""
    name, text = type(error).__name__, " ".join(str(error).split())[:300]
    if isinstance(error, WirechamberError):
        return text
    return f"out of memory ({name}: {text})" if name in OUT_OF_MEMORY else f"{name}: {text}"


def train_execution(job: Job, trial: Trial, options: Options, execution: int) -> dict[str, Any]:
    """Train one execution of a trial as an ordinary run, or continue it, and return its history."""
    from app.checks.jobs import check_jobs

    own = trial_job(job, trial.values, trial.id, execution)
    check_jobs([own])
    run = directory.of(own.name)
    if not (run.model.exists() and run.history.exists()):
        directory.make_directory(run)
        with _output_to(run.path / "output.txt"):
            if "tuner/trial_id" in trial.drawn:
                before = trial_job(job, trial.values, trial.drawn["tuner/trial_id"], execution)
                copy_checkpoint(directory.of(before.name), run, own)
            until = trial.drawn.get("tuner/epochs")
            with show_progress(own) as report:
                train_job(own, replace(options, resume=True, overwrite=False, test=False, until=until), report)
    history = read_json(run.history)
    if search_of(job).tuner != "hyperband":  # which may promote it
        with contextlib.suppress(OSError):  # they take space, no more
            remove(run.checkpoints)
    return history


def copy_checkpoint(before: RunDirectory, run: RunDirectory, job: Job) -> None:
    """Give a promoted trial the last checkpoint of the trial that it continues."""
    last = checkpoint.find_latest(before.checkpoints)
    if run.exists or last is None:
        return
    write_json(run.job, job.dump())
    run.checkpoints.mkdir(exist_ok=True)
    write_file(run.checkpoints / last.name, partial(shutil.copytree, last))


def score_of(job: Job, history: dict[str, Any]) -> float:
    """Return the objective of the kept model on the validation split."""
    objective, row = search_of(job).objective, flatten_epoch(history["val"][history["best_epoch"] - 1])
    value = row.get(key(objective))
    if value is None:
        raise NeverLogged(never_logged(objective, [name for name in row if name != "epoch"]).under("hyperopt"))
    if not math.isfinite(value):
        raise WirechamberError(f"{objective} is {value}")
    return float(value)


def search_metrics(job: Job, trials: list[Trial]) -> dict[str, float]:
    """Return the metrics of a search in the registry, next to those of its result."""
    choose = min if direction(job) == "min" else max
    scores = [trial.score for trial in trials if trial.score is not None]
    best = {f"best_{search_of(job).objective}": choose(scores)} if scores else {}
    ended = [trial.state for trial in trials if trial.state != "running"]
    return {"trials": len(ended), "failed_trials": ended.count("failed"), **best}


@contextlib.contextmanager
def _output_to(path: Path) -> Any:
    """Send everything that is printed into a file, also the output of libraries that write past Python."""
    from app.runtime.console import configure

    with path.open("a") as file, redirect_output(file):
        configure()
        try:
            yield
        except LeaseLost:  # the file is another process's
            raise
        except Exception:
            traceback.print_exc()
            raise
