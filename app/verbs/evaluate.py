"""`wirechamber evaluate`: a finished run's model on its test split, or on other files of the same kind."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.files import write_json
from app.run_directory import find


def execute(options: argparse.Namespace) -> int:
    """Write predictions.csv and metrics.json, and print the metrics beside the baselines."""
    run = find(options.run)
    if not run.model.exists():
        raise UserError(Problem("the run has no model yet", (str(run.path),), expected="a run that is done"))
    folder: Path = options.out or (run.path if options.data is None else run.path / "evaluation")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(f"cannot be made ({error.strerror})", (str(folder),))) from None
    from app import device

    device.prepare(0)
    from app.job_file import parse
    from app.measure_run import evaluate_files, evaluate_test
    from app.verbs.run import show_results

    job = parse(json.loads(run.job.read_text()))
    if options.data is None:
        results, predictions = evaluate_test(run, job)
    else:
        results, predictions = evaluate_files(run, job, options.data)
    predictions.write(folder / "predictions.csv")
    write_json(folder / "metrics.json", results)
    show_results(run.name, results, folder, "the test split" if options.data is None else "the given files")
    return 0
