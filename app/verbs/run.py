"""`wirechamber run`: a job, or every job of a sweep."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.checks.jobs import validated
from app.config import Job
from app.config.derived_jobs import every
from app.config.job_file import is_workflow, read
from app.core.errors import Problem, UserError, WirechamberError
from app.execution.ensemble_summary import in_words
from app.execution.progress import shown
from app.execution.session import Options, refuse_existing
from app.execution.single import train_job
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runtime.console import console, table
from app.training.checkpoint import Progress
from app.workflows.local import run_workflow
from app.workflows.local import show as show_nodes
from app.workflows.plan import planned


def execute(options: argparse.Namespace) -> int:
    """Validate all jobs, then run them one after the other; of a workflow, its nodes."""
    if is_workflow(read(options.config)):
        return _workflow(options)
    if options.workers:
        expected = "a workflow; jobs run one after the other"
        raise UserError(Problem("not a workflow", ("--workers",), None, expected, str(options.config)))
    jobs = validated(options.config, options.overrides)
    if options.dry_run:
        from app.execution.dry_run import dry_run

        for job in jobs:
            dry_run(job)
        return 0
    settings = Options(options.config, options.resume, options.overwrite, options.deterministic, options.limit)
    for job in every(jobs):
        _refuse_existing(job, options)
    return max(_one(job, settings, alone=len(jobs) == 1) for job in jobs)


def _workflow(options: argparse.Namespace) -> int:
    if options.overwrite:
        raise UserError(Problem("a workflow is not replaced", ("--overwrite",), None, "another name, or --resume"))
    extra = ["--deterministic"] if options.deterministic else []
    extra += ["--limit", str(options.limit)] if options.limit else []
    plan = planned(options.config, options.overrides, options.parse, extra)
    if options.dry_run:
        show_nodes(plan)
        return 0
    return run_workflow(plan, options.resume, options.workers or 1)


def _one(job: Job, settings: Options, alone: bool) -> int:
    """Run one job; what fails in one job of a sweep does not stop the others."""
    try:
        with shown(job) as report:
            run = run_job(job, settings, report)
    except WirechamberError as error:
        if alone:
            raise
        console.print(f"{job.name}: {error}", style="bold red", markup=False)
        return error.exit_code
    if run.metrics.exists():  # of a search another worker may publish them, later
        show(run)
    return 0


def run_job(job: Job, options: Options, progress: Callable[[Progress], None] = lambda _: None) -> RunDirectory:
    """Run what a job asks for: a single training, a search, or an ensemble; raises what `session` raises."""
    if job.hyperopt is not None:
        from app.search.runner import run_search

        return run_search(job, options)
    if job.ensemble is not None:
        from app.execution.ensemble import train_ensemble

        return train_ensemble(job, options, progress)
    return train_job(job, options, progress)


def _refuse_existing(job: Job, options: argparse.Namespace) -> None:
    """Say it before the first job of a sweep starts, not after hours."""
    refuse_existing(directory.of(job.name), options.resume, options.overwrite)


def show(run: RunDirectory) -> None:
    """Print the result of a run and where its files are."""
    show_results(run.name, json.loads(run.metrics.read_text()), run.path)
    for path in sorted(run.plots.glob("*.png")):
        console.print(f"plot: {path}")


def show_results(run: str, results: dict[str, Any], folder: Path, where: str = "the test split") -> None:
    """Print the metrics of every task as a physicist reads them: beside the baselines, by bin."""
    for name, figures in results.items():
        _show_task(run, name, figures, where)
    console.print(f"directory: {folder}")


def _show_task(run: str, task: str, results: dict[str, Any], where: str) -> None:
    metric, model, baselines = results["metric"], results["model"], results["baselines"]
    rows = [_row("all", figures=model, others=baselines, metric=metric)]
    for position, one in enumerate(model.get("bins", [])):
        others = {name: figures["bins"][position] for name, figures in baselines.items()}
        rows.append(_row(f"{one['low']:g} - {one['high']:g}", one, others, metric))
    title = f"{run}, {task}: {metric} on {where} ({model.get('rows', '?')} events)"
    table(title, [results.get("binned_in", "") if model.get("bins") else "", "events", run, *baselines], rows)
    if results.get("members"):
        console.print(in_words(results))
    shown = {k: f"{v:.4g}" for k, v in model.items() if isinstance(v, float) and k != metric}
    console.print("  ".join(f"{name} {value}" for name, value in shown.items()))


def _row(label: str, figures: dict[str, Any], others: dict[str, Any], metric: str) -> list[str]:
    values = [figures[metric], *(other[metric] for other in others.values())]
    return [label, str(figures.get("rows", "")), *(f"{value:.4g}" for value in values)]
