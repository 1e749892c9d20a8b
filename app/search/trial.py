"""What the process of one trial does: take a trial, train it as an ordinary run, write down what came of it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import registry
from app.checks.search_objective import direction, key, never_logged
from app.config import Job
from app.config.derived_jobs import search_of, trial_job
from app.config.job_file import parse
from app.core.errors import Interrupted, UserError, WirechamberError
from app.core.files import write_json
from app.core.lock import LockTaken
from app.execution.progress import show_progress
from app.execution.session import Options
from app.execution.single import train_job
from app.history import flat
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runtime import time_limit
from app.search.devices import describe_device
from app.search.oracle import ask
from app.search.state import SearchState, Trial, owner
from app.training import checkpoint

NOTHING = 20
"""Exit code of a process that found no trial to run."""
OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError")


@dataclass(frozen=True)
class TrialTask:
    """What a worker tells the process of a trial; `device` is its GPU, None for the CPU."""

    job: dict[str, Any]
    run: Path
    options: Options
    registry: Path
    device: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """That of the process: it sees one GPU, and keeps its run and its record inside the search.

        The worker's time limit is not its own: the worker stops it.
        """
        state = SearchState(self.run)
        roots = {"WIRECHAMBER_RUNS": str(state.runs.resolve()), "WIRECHAMBER_REGISTRY": str(state.registry.resolve())}
        gpu = {} if self.device is None else {"CUDA_VISIBLE_DEVICES": self.device}
        kept = {name: value for name, value in os.environ.items() if name != time_limit.VARIABLE}
        return {**kept, **roots, **gpu}


class NeverLogged(UserError):  # noqa: N818 - what happened
    """The objective is not among the figures of the trained job: no trial can be judged."""


def execute(order: TrialTask) -> int:
    """Run one trial in this process and return its exit code; what TensorFlow holds goes with the process."""
    state, job = SearchState(order.run), parse(order.job)
    from app.runtime import device

    device.prepare(job.seed)
    with contextlib.ExitStack() as held:
        trial = _take(job, state, held, describe_device(order.device))
        if trial is None:
            return NOTHING
        _end(job, state, order.registry, _result(job, state, trial, order.options))
    return 0


def _take(job: Job, state: SearchState, held: contextlib.ExitStack, where: str) -> Trial | None:
    """Take up a trial that nobody runs any more, or ask for a new one; its lease is `held`."""
    with state.locked():
        trial = _orphan(state, held) or _new(job, state, held)
        if trial is None:
            return None
        trial.owner, trial.device, trial.attempts = owner(), where, trial.attempts + 1
        trial.started = trial.started or time.time()
        state.write(trial)
    return trial


def _orphan(state: SearchState, held: contextlib.ExitStack) -> Trial | None:
    for trial in state.trials():
        if trial.state == "running":
            with contextlib.suppress(LockTaken):
                held.enter_context(state.lease(trial.id))
                return trial
    return None


def _new(job: Job, state: SearchState, held: contextlib.ExitStack) -> Trial | None:
    if len(state.trials()) >= search_of(job).limit:
        return None
    trial = ask(job, state).trial
    if trial is not None:
        held.enter_context(state.lease(trial.id))
    return trial


def _result(job: Job, state: SearchState, trial: Trial, options: Options) -> Trial:
    """Train, and return the trial with its scores or with the reason why it has none."""
    try:
        scores, seconds, best = [], 0.0, None
        for execution in range(search_of(job).executions_per_trial):
            history = _train(job, state, trial, options, execution)
            scores.append(_score(job, history))
            seconds, best = seconds + history["training_time"], best or history["best_epoch"]
    except Interrupted:
        raise
    except Exception as error:
        return replace(trial, state="failed", reason=_reason(error), fatal=isinstance(error, NeverLogged))
    score = sum(scores) / len(scores)
    return replace(trial, state="done", score=score, scores=scores, best_epoch=best, seconds=seconds)


def _reason(error: BaseException) -> str:
    name, text = type(error).__name__, " ".join(str(error).split())[:300]
    if isinstance(error, WirechamberError):
        return text
    return f"out of memory ({name}: {text})" if name in OUT_OF_MEMORY else f"{name}: {text}"


def _train(job: Job, state: SearchState, trial: Trial, options: Options, execution: int) -> dict[str, Any]:
    """Train one execution as an ordinary run, or go on with it, and return its history."""
    from app.checks.jobs import check_jobs

    one = trial_job(job, trial.values, trial.id, execution)
    check_jobs([one])
    run = directory.of(one.name)
    if not (run.model.exists() and run.history.exists()):
        directory.make(run)
        with _output_to(run.path / "output.txt"):
            if "tuner/trial_id" in trial.drawn:
                before = trial_job(job, trial.values, trial.drawn["tuner/trial_id"], execution)
                _continue_from(directory.of(before.name), run, one)
            until = trial.drawn.get("tuner/epochs")
            with show_progress(one) as report:
                train_job(one, replace(options, resume=True, overwrite=False, test=False, until=until), report)
    history: dict[str, Any] = json.loads(run.history.read_text())
    if search_of(job).tuner != "hyperband":  # which may promote it
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    return history


def _continue_from(before: RunDirectory, run: RunDirectory, job: Job) -> None:
    """Give a promoted trial the checkpoint that it goes on from."""
    found = checkpoint.latest(before.checkpoints)
    if run.exists or found is None:
        return
    write_json(run.job, job.dump())
    part = run.path / "promoted.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(found, part)
    run.checkpoints.mkdir(exist_ok=True)
    part.rename(run.checkpoints / found.name)


def _score(job: Job, history: dict[str, Any]) -> float:
    """Return the objective of the kept model on the validation split."""
    wanted, row = search_of(job).objective, flat(history["val"][history["best_epoch"] - 1])
    value = row.get(key(wanted))
    if value is None:
        raise NeverLogged(never_logged(wanted, [name for name in row if name != "epoch"]).under("hyperopt"))
    if not math.isfinite(value):
        raise WirechamberError(f"{wanted} is {value}")
    return float(value)


def _end(job: Job, state: SearchState, root: Path, trial: Trial) -> None:
    """Write down the end of a trial, unless another process has taken it up meanwhile."""
    with state.locked():
        if state.read(trial.id).owner != trial.owner:
            return
        state.write(trial)
        registry.update(root, job.name, state="running", metrics=figures(job, state.trials()))


def figures(job: Job, trials: list[Trial]) -> dict[str, float]:
    """Return what the registry says of a search besides its result."""
    choose = min if direction(job) == "min" else max
    scores = [trial.score for trial in trials if trial.score is not None]
    best = {f"best_{search_of(job).objective}": choose(scores)} if scores else {}
    ended = [trial.state for trial in trials if trial.state != "running"]
    return {"trials": len(ended), "failed_trials": ended.count("failed"), **best}


@contextlib.contextmanager
def _output_to(path: Path) -> Any:
    """Send everything that is printed into a file, also what libraries write past Python."""
    from app.runtime.console import configure

    kept = [os.dup(1), os.dup(2)]
    with path.open("a") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        configure()
        try:
            yield
        except Exception:
            traceback.print_exc()
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, before in zip((1, 2), kept, strict=True):
                os.dup2(before, number)
                os.close(before)
