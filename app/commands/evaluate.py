"""`wirechamber evaluate`: the models of finished runs on their test splits, or on other files of the same kind."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands._parser import read_path, whole_number
from app.comparison.compared_run import check_one_application
from app.core.errors import Problem, UserError
from app.core.files import find_files, make_folder, read_json, write_json
from app.core.paths import check_not_read
from app.runs import evaluated
from app.runs.directory import RunDirectory
from app.runs.files import read_job
from app.runs.find import find_run
from app.runtime.console import console, table

if TYPE_CHECKING:
    from app.config import Job
    from app.data.loading import Data
    from datasets.pipeline.events import Events


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("evaluated", nargs="+", metavar="RUN", help="names or paths of runs")
    parser.add_argument("--data", nargs="+", metavar="FILE", help="other files of the same kind; else the test split")
    parser.add_argument(
        "--epoch", type=whole_number(1), metavar="N", help="the network after this epoch; else the best"
    )
    help_text = "folder for predictions and metrics (with --data or --epoch); one in it for each of several runs"
    parser.add_argument("--out", type=read_path, help=help_text)
    parser.add_argument("--root", action="store_true", help="also write predictions.root: a flat ROOT tree")
    parser.add_argument(
        "--jacobian",
        nargs="?",
        type=whole_number(1),
        const=1000,
        metavar="N",
        help="compare d(x, y, tx, ty) out / d(x, y, tx, ty, q/p) in of N tracks (1000) with Runge-Kutta: jacobian.json",
    )


def execute(options: argparse.Namespace) -> int:
    """Write predictions.csv and metrics.json of each run, and print the metrics next to the baselines."""
    runs = [find_run(text) for text in options.evaluated]
    others = None if options.data is None else find_files(options.data, ("--data",), Path.cwd())
    folders = [folder_of(run, options, several=len(runs) > 1) for run in runs]
    for folder, times in Counter(folders).items():
        if times > 1:
            raise UserError(Problem("two runs would write here", (str(folder),), expected="runs with different names"))
    from app.data.files_read import files_read
    from app.runtime import device

    if others is not None:  # they are files of one application
        check_one_application({run.name: str(read_json(run.job).get("application")) for run in runs})
    read = [*(others or ()), *(path for run in runs for path in files_read(read_json(run.job)))]
    for run, folder in zip(runs, folders, strict=True):
        check_run(run, options.epoch)
        written = (
            folder / name for name in ("predictions.csv", run.root_predictions.name, "metrics.json", evaluated.NAME)
        )
        check_not_read(written, read, "--out")
        make_folder(folder)
    device.prepare(0)
    for run, folder in zip(runs, folders, strict=True):
        evaluate(run, folder, others, options)
    if len(runs) > 1 and others is not None:
        names = " ".join(options.evaluated)
        where = f" {options.out}" if options.out else ""
        console.print(f"compare them on these events: wirechamber compare {names} --evaluation{where}")
    return 0


def folder_of(run: RunDirectory, options: argparse.Namespace, several: bool) -> Path:
    """Return where the figures of a run go."""
    if options.out:
        return Path(options.out, run.name if several else "")
    if options.epoch:
        return Path(run.evaluation, f"epoch_{options.epoch}")
    return run.path if options.data is None else Path(run.evaluation)


def check_run(run: RunDirectory, epoch: int | None) -> None:
    """Raise UserError unless a run has a model, of this epoch where one is asked for."""
    if not run.model.exists():
        raise UserError(Problem("the run has no model yet", (str(run.path),), expected="a run that is done"))
    if epoch:
        from app.training.kept_epochs import find_epoch

        find_epoch(run, epoch)


def evaluate(run: RunDirectory, folder: Path, others: Sequence[Path] | None, options: argparse.Namespace) -> None:
    """Measure a run on its test split or on other files, write the files into a folder and print the metrics."""
    from app.commands._results import show_results
    from app.data.loading import load_data
    from app.evaluation.metrics import count_trained, measure_events
    from app.export.onnx_file import with_old_parity
    from app.export.root_file import run_facts, write_root
    from app.training.kept_epochs import model_of

    job = read_job(run.job)
    # Where other files are given, those of the training are not what the figures are of.
    data = load_data(job, level=logging.INFO if others is None else logging.DEBUG)
    blocks = data.splits.test if others is None else [read_others(run, job, data, others)]
    model = model_of(run, job, data, options.epoch)
    jacobian = first_jacobian(job, data, blocks, model, options.jacobian) if options.jacobian else None
    results, predictions = measure_events(job, data, blocks, model)
    predictions.write(folder / "predictions.csv")
    if options.root:
        write_root(folder / run.root_predictions.name, predictions, run_facts(run))
    if jacobian:
        write_jacobian(run, job, data, jacobian, results, folder)
    if folder == run.path:
        results = with_old_parity(results, run.metrics)
    if others is not None:
        evaluated.write_evaluated(folder, others, len(predictions), count_trained(predictions.key, data))
    write_json(folder / "metrics.json", results)
    after = f" after epoch {options.epoch}" if options.epoch else ""
    show_results(run, results, folder, f"{'the test split' if others is None else 'the given files'}{after}")
    if jacobian:
        show_jacobian(run.name, jacobian)


def read_others(run: RunDirectory, job: Job, data: Data, files: Sequence[Path]) -> Events:
    """Return the events of other files; raises UserError, which names `predict` where they lack the truth alone."""
    from app.evaluation.metrics import read_events

    try:
        return read_events(job, data, files)
    except UserError as error:
        if not all(problem.where[:2] == ("dataset", "targets") for problem in error.problems):
            raise
        expected = f"files with it, or `wirechamber predict {run.name}`, which needs none"
        raise UserError(*error.problems, Problem("files without the truth", ("--data",), expected=expected)) from None


def first_jacobian(job: Job, data: Data, blocks: Iterable[Events], model: Any, rows: int) -> dict[str, Any]:
    """Return the content of jacobian.json for the first `rows` tracks."""
    from app.data.loading import first_events
    from app.evaluation.jacobian import check_states, measure_jacobian

    targets = {name: task.targets for name, task in job.tasks.items()}
    magnet = check_states(data.source.magnet, data.columns, targets)
    inputs = first_events(blocks, rows).inputs
    return measure_jacobian(model, magnet, inputs, data.columns, targets)


def write_jacobian(
    run: RunDirectory, job: Job, data: Data, content: dict[str, Any], results: dict[str, Any], folder: Path
) -> None:
    """Write jacobian.json and its plot, and add the errors to each task's metrics."""
    from app.evaluation.jacobian import task_jacobian
    from app.plots.drawing.draw import draw
    from app.plots.drawing.inputs import PlotInputs

    write_json(folder / run.jacobian.name, content)
    for name, task in job.tasks.items():
        results[name]["jacobian"] = task_jacobian(content, task.targets)
    inputs = PlotInputs(title=run.name, simulated=data.simulated, subtitle=data.source.description, jacobian=content)
    draw(inputs, folder / run.plots.name, ["jacobian"])


def show_jacobian(run: str, content: dict[str, Any]) -> None:
    """Print the relative errors as a table of 4 x 5."""
    rows = [
        [output, *(f"{value:.2g}{' *' if of == 'line' else ''}" for value, of in zip(values, ofs, strict=True))]
        for output, values, ofs in zip(content["outputs"], content["relative_error"], content["of"], strict=True)
    ]
    title = f"{run}: transport Jacobian, RMS error over RMS effect of the field ({content['rows']} tracks)"
    table(title, ["", *(f"d/d{name}" for name in content["inputs"])], rows)
    uncertainty = max(value for values in content["reference"]["uncertainty"] for value in values)
    console.print(
        "1 is the straight line's Jacobian; * where the field hardly acts: "
        "relative to the element's size (1, dz or 1/dz). "
        f"Reference: Runge-Kutta, uncertainty {uncertainty:.1g}"
    )
