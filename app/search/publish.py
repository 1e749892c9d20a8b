"""What a search leaves behind: a table, the winner's job, plots, and the winner measured on the test split."""

from __future__ import annotations

import csv
import io
import json
import logging
from typing import Any

import registry
from app.checks.search_objective import direction
from app.config import Job
from app.config.derived_jobs import best_job, search_of, trial_job, with_values
from app.config.job_file import parse
from app.core.files import write_json, write_text
from app.execution.session import Options
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runtime.console import logged_to
from app.search.state import SearchState, Trial
from app.search.trial import figures
from app.search.worker import winner

logger = logging.getLogger(__name__)


def is_published(job: Job, run: RunDirectory, state: SearchState) -> bool:
    """Tell whether the results of these very trials are there already."""
    return run.metrics.exists() and state.published.exists() and bool(_read(state.published) == _summary(job, state))


def _summary(job: Job, state: SearchState) -> dict[str, Any]:
    trials = state.trials()
    best = winner(job, trials)
    return {"winner": best.id if best else None, "ended": sorted(t.id for t in trials if t.state != "running")}


def publish(content: dict[str, Any], run: RunDirectory, options: Options, finished: bool) -> None:
    """Write the results of the trials that have ended, and measure the winner: it alone sees the test split.

    Args:
        content: the job of the search, of which one trial at least is done.
        run: of the search.
        options: as it was started.
        finished: whether it has all the trials that it was to have.
    """
    job, state = parse(content), SearchState(run.path)
    trials, summary = state.trials(), _summary(job, state)
    best = state.read(summary["winner"])
    with logged_to(run.log):
        write_text(run.path / "trials.csv", table(job, trials))
        write_json(run.path / "best.json", best_job(job, best.values, f"{job.name}_best").dump())
        _measure(job, run, options, state, best, len(trials))
        if job.plots != ():
            from app.search.plots import draw

            draw(job, trials, run)
        _report_result(job, trials, best, finished)
    write_json(state.published, summary)


def table(job: Job, trials: list[Trial]) -> str:
    """Return trials.csv: one row per trial, the searched values behind what came of it; lists are written as JSON."""
    paths = list(search_of(job).space)
    drawn = sorted({name for trial in trials for name in trial.drawn if name.startswith("tuner/")})
    objective = search_of(job).objective
    header = ["trial", "state", objective, "best_epoch", "seconds", "attempts", "device", *paths, *drawn, "reason"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for t in trials:
        values = [_cell(t.values.get(path)) for path in paths] + [_cell(t.drawn.get(name)) for name in drawn]
        own = [t.id, t.state, _cell(t.score), _cell(t.best_epoch), f"{t.seconds:.2f}", t.attempts, t.device]
        writer.writerow([*own, *values, t.reason])
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _measure(job: Job, run: RunDirectory, options: Options, state: SearchState, best: Trial, count: int) -> None:
    """Measure the model that the best trial has kept, as that of the search."""
    from app.execution import results
    from app.runtime import device

    where = device.prepare(job.seed, options.deterministic)
    from app.data.loading import load_data
    from app.evaluation import load
    from app.execution.tracking import track_run
    from app.training.build import Networks

    kept = _best_execution(job, state, best)
    content = with_values(job, best.values)
    content |= {"tracking": job.dump()["tracking"], "plots": job.dump()["plots"]}
    one = parse(content)
    loaded = load(str(kept.path))
    data = load_data(one, options.limit)
    words = f"{one.model.name}, the best of {count} trials; {_in_words(best)}"
    built = Networks(loaded.model, loaded.model, None, _read(kept.normalization), data.prepare, words)
    results.describe(one, run, data, built, where)
    with track_run(one, run):
        results.measure_and_register(one, run, data, built, _read(kept.history))


def _best_execution(job: Job, state: SearchState, best: Trial) -> RunDirectory:
    choose = min if direction(job) == "min" else max
    execution = best.scores.index(choose(best.scores))
    return directory.of(trial_job(job, best.values, best.id, execution).name, state.runs)


def _report_result(job: Job, trials: list[Trial], best: Trial, finished: bool) -> None:
    """Write into the registry what the search was, beside what its winner reached."""
    root, search = registry.root(), search_of(job)
    told = figures(job, trials)
    text = (
        f"{search.tuner} search: {told['trials']} trials, {told['failed_trials']} failed; "
        f"best {search.objective} {best.score:.5g} in trial {best.id} ({_in_words(best)})"
    )
    text += "" if finished else "; max_hours ended it before all trials were done"
    record = registry.read(root, job.name)
    notes = [*record.notes, (registry.now(), text)]
    registry.update(root, job.name, metrics=record.metrics | told, notes=notes, verdict=record.verdict)
    logger.info("%s", text)


def _in_words(trial: Trial) -> str:
    return ", ".join(f"{path} {_cell(value)}" for path, value in trial.values.items())


def _read(path: Any) -> Any:
    return json.loads(path.read_text())
