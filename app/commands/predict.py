"""`wirechamber predict`: a finished run's model on other files, with or without truth."""

import argparse
import logging
from pathlib import Path

from app.commands._parser import read_path
from app.core.errors import Problem, UserError
from app.core.files import check_file, find_files, make_folder, read_json
from app.runs.files import read_job
from app.runs.find import find_run
from app.runtime.console import console

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
    make_folder(out.parent)
    from app.runtime import device

    device.prepare(0)
    from app.evaluation import load
    from app.evaluation.prediction_files import Ranges, open_unlabelled, predictions_of
    from app.export.root_file import run_facts, write_root
    from app.predictions import Predictions, write_blocks

    loaded = load(str(run.path))
    job = read_job(run.job)
    source = open_unlabelled(job, files)
    facts = read_json(run.normalization)
    ranges = Ranges(facts.get("ranges", {}), loaded.columns)
    blocks = predictions_of(source, job, loaded.model, ranges)
    if out.suffix == ".csv":
        write_blocks(out, blocks)
    else:
        write_root(out, Predictions.concatenate(list(blocks)), run_facts(run))
    for line in ranges.lines():
        logger.warning(line)
    units = {name: unit for name, unit in facts.get("units", {}).items() if unit}
    console.print(f"{ranges.events:,} events predicted: {out}")
    if units:
        console.print("units: " + ", ".join(f"{name} [{unit}]" for name, unit in units.items()))
    return 0
