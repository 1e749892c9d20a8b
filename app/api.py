"""The program from Python: what `import wirechamber` hands on to notebooks and scripts; docs/python.md shows each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from app.checks.jobs import check_jobs
from app.config import Job
from app.config import job_file as files
from app.config.derived_jobs import changed, with_members
from app.core.errors import Problem, UserError
from app.core.files import read_json
from app.data.arrays import read_arrays, read_batches
from app.data.loading import Data, load_data
from app.evaluation import load
from app.history import tabulate
from app.predictions import Predictions
from app.runs import directory
from app.runs.files import check_file
from app.runs.find import find_run
from app.runs.finished import find_finished
from app.training.checkpoint import Progress

__all__ = [
    "Data",
    "Job",
    "UserError",
    "load",
    "load_data",
    "read_arrays",
    "read_batches",
    "read_history",
    "read_job",
    "read_predictions",
    "run",
]


def read_job(job: Job | Path | str | Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> Job:
    """Return a job that has passed all checks, of a file or of the content of one.

    Args:
        job: path of a job file, such as `runs/mlp_tiny/job.json`; the same as a dictionary; or a job, to be changed.
        changes: other values by path, {"training.epochs": 5, "name": "short"}; without "name" the job keeps its own.

    Raises:
        UserError: with all mistakes of the job, each under its path; the file is missing, or a sweep of several jobs.
    """
    if isinstance(job, (str, Path)):
        jobs = files.load(Path(job))
        if len(jobs) > 1:
            expected = "one job: `wirechamber run` runs a sweep"
            raise UserError(Problem(f"a sweep of {len(jobs)} jobs", (str(job),), expected=expected))
        job = jobs[0]
    elif isinstance(job, Mapping):
        job = files.parse(dict(job))
    job = changed(job, changes) if changes else job
    check_jobs(with_members([job]))
    return job


def run(
    job: Job | Path | str | Mapping[str, Any],
    *,
    resume: bool = False,
    overwrite: bool = False,
    deterministic: bool = False,
    limit: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Any:
    """Run a job as `wirechamber run` does, directory and line in the registry included, and return what `load` does.

    Args:
        job: as for `read_job`.
        resume: continue a run from its last checkpoint, or begin it.
        overwrite: replace a run of the same name.
        deterministic: bitwise reproducible; may be slower.
        limit: at most so many events in each split, for a quick test.
        progress: is called after each epoch: `lambda now: print(now.epoch, now.val[-1]["loss"])`.

    Raises:
        UserError: mistakes in the job, a run of this name exists already, or the data cannot be read.
        Interrupted: Ctrl-C, or "interrupt the kernel"; the last checkpoint is complete, `resume=True` continues.
    """
    from app.commands.run import run_job
    from app.execution.session import Options

    job = read_job(job)
    config = directory.of(job.name).job
    return load(str(run_job(job, Options(config, resume, overwrite, deterministic, limit), progress).path))


def read_history(run: Path | str) -> dict[str, NDArray[Any]]:
    """Return the training of a run as a table, {column: (epochs,)}: `pandas.DataFrame(read_history("mlp_tiny"))`.

    `epoch` counts from 1. `train_<figure>` is the mean over the batches of an epoch, `val_<figure>` is taken on the
    validation split after it: losses without a unit, metrics in that of their name or of their target. NaN stands where
    an epoch has no such figure.

    Args:
        run: name or path of a run that has ended.

    Raises:
        UserError: there is no such run, or it has no history.json yet.
    """
    found = find_run(str(run))
    check_file(found.history)
    return tabulate(read_json(found.history))


def read_predictions(run: Path | str) -> Predictions:
    """Return truth, predictions and baselines of the test split of a finished run, (N,) each, in physical units.

    Of a .csv that `predict` or `evaluate` wrote, what it holds: without truth `.true` is {}, names of classes are text.
    They are `.true["x"]`, `.predicted["x"]`, `.baselines["mean"]["x"]`, `.columns` for the further columns, and `.key`;
    `.select(rows)` chooses events.

    Args:
        run: name or path of a run that is done, or a .csv of predictions.

    Raises:
        UserError: there is no such run or file, the run is not finished, or its predictions.csv is damaged.
    """
    suffix = Path(run).suffix
    if suffix == ".csv":
        return Predictions.read(Path(run))
    if suffix == ".root" and Path(run).is_file():
        expected = "a run or the .csv of `predict`; uproot.open(FILE)['predictions'].arrays() reads this file"
        raise UserError(Problem("ROOT files are not read as predictions", (str(run),), expected=expected))
    return Predictions.read(find_finished(str(run), "predictions").predictions)
