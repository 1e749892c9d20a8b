"""`wirechamber predict`: a finished run's model on other files, with or without truth."""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands._parser import read_path
from app.core.errors import Problem, UserError
from app.core.files import check_file, find_files, make_folder, read_json
from app.core.paths import check_not_read
from app.runs.find import find_run
from app.runtime.console import console

if TYPE_CHECKING:
    from app.config import Job
    from app.evaluation.inference import Loaded
    from app.evaluation.prediction_files import Ranges
    from datasets import Source

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", metavar="RUN", help="name or path of a run")
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", required=True, help="files of the same kind; no truth needed"
    )
    parser.add_argument("--out", type=read_path, help="a .csv or .root file; else RUN/evaluation/predicted.csv")


def execute(options: argparse.Namespace) -> int:
    """Write the predictions, and warn of inputs unlike those of the training."""
    run = find_run(options.run)
    files = find_files(options.data, ("--data",), Path.cwd())
    out: Path = options.out or run.path / "evaluation/predicted.csv"
    if out.suffix not in (".csv", ".root"):
        raise UserError(
            Problem("no kind of file", ("--out",), expected="a name that ends in .csv or .root", received=out.name)
        )
    check_file(out, "--out")
    from app.data.files_read import files_read
    from app.runtime import device

    check_not_read([out], [*files, *files_read(read_json(run.job))], "--out")
    make_folder(out.parent)

    device.prepare(0)
    from app.evaluation import load
    from app.evaluation.prediction_files import job_to_predict, use_events

    loaded, job = load(str(run.path)), job_to_predict(run)
    facts = read_json(run.normalization)
    known = facts.get("units", {})
    units = {target: known[target] for task in job.tasks.values() for target in task.targets if known.get(target)}
    about = {"units": units, "classes": facts.get("classes", {}), "files": [str(path) for path in files]}
    write = partial(write_predictions, out=out, loaded=loaded, job=job, ranges=facts.get("ranges", {}), about=about)
    rows, ranges = use_events(job, files, write)
    for line in ranges.lines():
        logger.warning(line)
    of_rows = f" of {rows:,} rows" * (rows != ranges.events)
    console.print(f"{ranges.events:,} events{of_rows} predicted: {out}")
    if units:
        console.print("units: " + ", ".join(f"{name} [{unit}]" for name, unit in units.items()))
    return 0


def write_predictions(
    source: Source, out: Path, loaded: Loaded, job: Job, ranges: dict[str, Any], about: dict[str, Any]
) -> tuple[int, Ranges]:
    """Write the predictions of all events; return the rows of the files and the events unlike those of the training."""
    from app.evaluation.prediction_files import Ranges, predictions_of
    from app.export.root_file import run_facts, write_root_blocks
    from app.predictions import write_blocks

    counted = Ranges(ranges, loaded.columns)
    classes = about["classes"] or {name: c.classes for name, c in source.targets.items() if c.classes}
    blocks = predictions_of(source, job, loaded.model, counted, classes)
    if out.suffix == ".csv":
        write_blocks(out, blocks)
    else:
        write_root_blocks(out, blocks, {**run_facts(loaded.run), **about, "classes": classes})
    return source.rows, counted
