"""What a search leaves behind: a table, the best trial's job, plots, and its model measured on the test split."""

import csv
import io
import json
import logging
from typing import Any

import registry
from app.checks.search import direction
from app.config import Job
from app.config.derived_jobs import best_job, search_of, trial_job, with_values
from app.config.job_file import parse
from app.core.files import read_json, write_json, write_text
from app.core.lock import locked
from app.execution.session import Options
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runtime.console import log_to
from app.search.state import SearchState, Trial, best_trial
from app.search.trial import search_metrics

logger = logging.getLogger(__name__)


def is_published(job: Job, run: RunDirectory, state: SearchState) -> bool:
    """Return whether the results of these very trials are published already."""
    if not (run.metrics.exists() and state.published.exists()):
        return False
    return read_json(state.published) == summarise(job, state.trials())


def summarise(job: Job, trials: list[Trial]) -> dict[str, Any]:
    """Return the content of published.json: the best trial and all that have ended."""
    best = best_trial(job, trials)
    return {"winner": best.id if best else None, "ended": sorted(t.id for t in trials if t.state != "running")}


def publish(content: dict[str, Any], run: RunDirectory, options: Options, finished: bool) -> None:
    """Write the results of the trials that have ended, and measure the best one: it alone sees the test split.

    It runs in a process of its own, which holds the lock of the run itself: it must know when it has lost it.

    Args:
        content: the job of the search, which has at least one trial that is done.
        run: of the search.
        options: as it was started.
        finished: whether all trials have ended.

    Raises:
        LockTaken: another worker publishes.
    """
    job, state = parse(content), SearchState(run.path)
    with locked(run.lock, wait=0.0) as lease, log_to(run.log, lease.is_ours):
        if is_published(job, run, state):  # by another worker while this process started
            return
        trials = state.trials()
        summary = summarise(job, trials)
        best = state.read(summary["winner"])
        write_text(run.path / "trials.csv", table(job, trials))
        write_json(run.path / "best.json", best_job(job, best.values, f"{job.name}_best").dump())
        measure_best(job, run, options, state, best, len(trials))
        if job.plots != ():
            from app.search.plots import draw

            draw(job, trials, run)
        register_search(job, trials, best, finished)
        write_json(state.published, summary)


def table(job: Job, trials: list[Trial]) -> str:
    """Return trials.csv: one row per trial, the searched values after its result; lists are written as JSON.

    A trial whose process was killed has no number of seconds.
    """
    paths = list(search_of(job).space)
    drawn = sorted({name for trial in trials for name in trial.drawn if name.startswith("tuner/")})
    objective = search_of(job).objective
    header = ["trial", "state", objective, "best_epoch", "seconds", "attempts", "device", *paths, *drawn, "reason"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for t in trials:
        values = [_cell(t.values.get(path)) for path in paths] + [_cell(t.drawn.get(name)) for name in drawn]
        seconds = f"{t.seconds:.2f}" if t.seconds else ""
        own = [t.id, t.state, _cell(t.score), _cell(t.best_epoch), seconds, t.attempts, t.device]
        writer.writerow([*own, *values, t.reason])
    return text.getvalue()


def measure_best(job: Job, run: RunDirectory, options: Options, state: SearchState, best: Trial, count: int) -> None:
    """Measure the kept model of the best trial, the best of `count`, as that of the search."""
    from app.execution import results
    from app.runtime import device

    machine = device.prepare(job.seed, options.deterministic)
    from app.data.loading import load_data
    from app.evaluation import load
    from app.execution.tracking import track_run
    from app.training.build import Networks

    choose = min if direction(job) == "min" else max
    execution = best.scores.index(choose(best.scores))
    kept = directory.of(trial_job(job, best.values, best.id, execution).name, state.runs)
    winner = with_values(job, best.values)
    model = load(str(kept.path)).model
    data = load_data(winner, options.limit)
    description = f"{winner.model.name}, the best of {count} trials; {_describe_values(best)}"
    networks = Networks(model, model, None, read_json(kept.normalization), data.prepare, description)
    results.describe_run(winner, run, data, networks, machine)
    with track_run(winner, run):
        results.measure_and_register(winner, run, data, networks, read_json(kept.history))


def register_search(job: Job, trials: list[Trial], best: Trial, finished: bool) -> None:
    """Add the outcome of the search to the record of its best trial's result."""
    root, search = registry.root(), search_of(job)
    metrics = search_metrics(job, trials)
    text = (
        f"{search.tuner} search: {metrics['trials']} trials, {metrics['failed_trials']} failed; "
        f"best {search.objective} {best.score:.5g} in trial {best.id} ({_describe_values(best)})"
    )
    text += "" if finished else "; max_hours ended it before all trials were done"
    record = registry.read(root, job.name)
    notes = [*record.notes, (registry.now(), text)]
    registry.update(root, job.name, metrics=record.metrics | metrics, notes=notes, verdict=record.verdict)
    logger.info("%s", text)
    if finished:
        logger.info("train the winner in full: wirechamber run %s", directory.of(job.name).path / "best.json")


def _describe_values(trial: Trial) -> str:
    return ", ".join(f"{path} {_cell(value)}" for path, value in trial.values.items())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
