"""`wirechamber inspect`: what is in a data file, and what a loader makes of it."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands._parser import add_overrides
from app.config.job_file import load
from app.core.errors import Problem, UserError
from app.core.files import matching
from app.data.columns import ROWS, Summary, summarize
from app.runtime.console import console, table
from datasets import DATASETS

if TYPE_CHECKING:
    from app.config import Job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", nargs="+", help="npz or ROOT files, or one job file: its events and their weights")
    parser.add_argument("--dataset", default="track_states", help="the loader to try")
    parser.add_argument("--output-dir", type=Path, default=Path(), help="of the plots of images and weights; else here")
    add_overrides(parser)


def execute(options: argparse.Namespace) -> int:
    """Print every column of every file, then what the dataset's checks say; of a job its splits and weights too."""
    if options.files[0].endswith(".json"):
        return _job(options)
    for path in matching(options.files, ("inspect",)):
        for name, columns in summarize(path).items():
            some = f" (figures of the first {ROWS:,} rows)" if any(c.rows > ROWS for c in columns) else ""
            _show(f"{path}{name}{some}", columns)
    spec = DATASETS.parse({"name": options.dataset, "files": options.files, **_overrides(options.overrides)})
    _show_quality(spec, matching(options.files, ("inspect",)), options.output_dir)
    _try(spec, options.files)
    return 0


def _job(options: argparse.Namespace) -> int:
    from app.data.job_report import show_events
    from app.runtime import device

    if len(options.files) > 1:
        raise UserError(Problem("one job file at a time", ("inspect",), received=options.files))
    for job in load(Path(options.files[0]), options.overrides):
        device.prepare(job.seed)
        _show_quality_of_job(job, options.output_dir)
        show_events(job, options.output_dir)
    return 0


def _show_quality_of_job(job: Job, folder: Path) -> None:
    """Look at the files that the job reads, or simulates first."""
    wanted = job.dataset.options
    if job.dataset.component.facts.quality:
        from app.data.loading import data_root, simulated_files

        files = matching(wanted.files, ("dataset", "files")) if wanted.files else None
        _show_quality(job.dataset, files or simulated_files(job.dataset, data_root()), folder)


def _show(title: str, columns: list[Summary]) -> None:
    rows = [[c.name, c.unit, str(c.rows), c.kind, *c.figures()] for c in columns]
    table(
        title,
        ["column", "unit", "rows", "type", "least", "median", "largest", "NaN", "duplicates"],
        rows,
        numbers_from=2,
    )


def _show_quality(spec: Any, paths: Sequence[Path], folder: Path) -> None:
    """Print and draw what the dataset itself has to say about the quality of its files."""
    module = spec.component.facts.quality
    if module:
        from app.data.quality_figures import draw_quality

        found = importlib.import_module(module).quality(paths, spec.parameters, spec.options.split)
        for title, columns, rows in found.tables:
            table(title, columns, rows, numbers_from=1)
        for path in draw_quality(found.samples, spec.options.split, spec.name, folder):
            console.print(f"plot: {path}")


def _overrides(texts: list[str]) -> dict[str, Any]:
    from app.config.job_file import assign, parse_override

    content: dict[str, Any] = {}
    for text in texts:
        path, value = parse_override(text)
        assign(content, path[1:] if path[0] == "dataset" else path, value)
    return content


def _try(spec: Any, files: list[str]) -> None:
    """Read everything as a training would; a mistake is shown as it would be shown there."""
    name = f"the dataset {spec.name}"
    try:
        source = spec.build([Path(path) for path in matching(files, ("inspect",))])
        rows = sum(len(events) for events in source)
    except UserError as error:
        raise UserError(
            *(
                Problem(
                    f"{name} refuses this: {p.what}",
                    p.where,
                    nearest=p.nearest,
                    expected=p.expected,
                    received=p.received,
                )
                for p in error.problems
            )
        ) from None
    inputs = ", ".join(f"{n} ({', '.join(c.name for c in i.columns)})" for n, i in source.inputs.items())
    console.print(
        f"{name} reads {rows:,} events in {len(source.blocks)} block{'s' * (len(source.blocks) > 1)}; "
        f"inputs {inputs}; targets {', '.join(source.targets)}"
    )
    console.print(f"fingerprint {source.fingerprint}")
