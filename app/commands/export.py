"""`wirechamber export`: a finished run's model as ONNX, and its predictions as a ROOT tree."""

import argparse
from pathlib import Path
from typing import Any

from app.commands._parser import read_path, whole_number
from app.core.errors import Problem, UserError
from app.core.files import check_folder, read_json, write_json
from app.core.paths import check_not_read
from app.runs.directory import RunDirectory
from app.runs.files import read_file, read_job
from app.runs.finished import find_finished
from app.runtime.console import console, table

FILES = ("provenance", "normalization", "model")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", metavar="RUN", help="name or path of a finished run")
    parser.add_argument("--root", action="store_true", help="also write the saved predictions as predictions.root")
    parser.add_argument("--cpp", action="store_true", help="also write the network as a C++17 header, checked")
    parser.add_argument(
        "--epoch", type=whole_number(1), metavar="N", help="the network after this epoch; else the best"
    )
    parser.add_argument("--out", type=read_path, metavar="DIR", help="folder of the files; else the run's own")


def execute(options: argparse.Namespace) -> int:
    """Write model.onnx, and predictions.root where it was asked for; print how well ONNX and Keras agree."""
    run = find_finished(options.run, *FILES, *(["predictions"] if options.root else []))
    if options.epoch:
        check_epoch(run, options)
    own = run.path / "evaluation" / f"epoch_{options.epoch}" if options.epoch else run.path
    folder: Path = options.out or own
    check_folder(run.path)
    check_folder(folder, "--out")
    from app.data.files_read import files_read
    from app.export.root_file import run_facts, write_root
    from app.predictions import Predictions

    written = [run.onnx.name, *([run.root_predictions.name] if options.root else [])]
    check_not_read([folder / name for name in written], files_read(read_json(run.job)), "--out")
    job, results = read_job(run.job), read_file(run.metrics)
    predictions = Predictions.read(run.predictions) if options.root else None
    from app.runtime import device

    device.prepare(0)
    from app.data.loading import load_data
    from app.export.onnx_file import ParityError, export_onnx
    from app.training.kept_epochs import model_of

    data = load_data(job)
    model = model_of(run, job, data, options.epoch)
    path = folder / run.onnx.name
    try:
        results = export_onnx(job, run, data, model, results, path)
    except ParityError as error:
        if options.epoch is None:
            write_json(run.metrics, error.results)
        raise
    if options.epoch is None:
        write_json(run.metrics, results)
    show_differences(run.name, results)
    console.print(f"ONNX: {path}")
    if options.cpp:
        from app.export.cpp_file import export_cpp

        console.print(f"C++: {export_cpp(job, data, model, folder)}")
    if predictions is not None:
        path = folder / run.root_predictions.name
        write_root(path, predictions, run_facts(run))
        console.print(f"ROOT: {path}")
    return 0


def check_epoch(run: RunDirectory, options: argparse.Namespace) -> None:
    """Raise UserError where the epoch that was asked for is not kept, or predictions that are not its own."""
    from app.training.kept_epochs import find_epoch

    find_epoch(run, options.epoch)
    if options.root:
        expected = f"wirechamber evaluate {run.name} --epoch {options.epoch} --root"
        raise UserError(Problem("the saved predictions are of the best epoch", ("--root",), expected=expected))


def show_differences(run: str, results: dict[str, Any]) -> None:
    """Print the largest difference between ONNX and Keras of each output."""
    tasks = [content["onnx"] for content in results.values()]
    outputs = [(name, values) for task in tasks for name, values in task["outputs"].items()]
    rows = [[name, f"{values['max_abs']:.2g}", f"{values['max_rel']:.2g}"] for name, values in outputs]
    title = f"{run}: ONNX against Keras on {tasks[0]['events']} validation events"
    table(title, ["output", "largest difference", "of its largest value"], rows)
