"""The progress of a training: a bar on a terminal, some plain lines elsewhere, every epoch in the log file."""

import contextlib
import logging
from collections.abc import Callable, Iterator

from app.config import Job
from app.runtime.console import console
from app.training.checkpoint import Progress

logger = logging.getLogger(__name__)

LINES = 20
"""About how many epochs are printed where there is no bar."""

Show = Callable[[Progress], None]


@contextlib.contextmanager
def show_progress(job: Job) -> Iterator[Show]:
    """Yield the function that a training calls with its progress after each epoch."""
    if not console.is_terminal or job.is_classical or job.hyperopt:
        yield lambda progress: _log(progress, job, every=max(1, job.training.epochs // LINES))
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Bar(*columns, console=console.rich) as bar:
        task = bar.add_task(job.name, total=job.training.epochs, figures="")

        def show(progress: Progress) -> None:
            _log(progress, job, every=0)
            bar.update(task, completed=progress.epoch, figures=describe_epoch(progress, job))

        yield show


def _log(progress: Progress, job: Job, every: int) -> None:
    """Log an epoch to the file; each `every`-th one, and the first and last, to the console too."""
    first_or_last = progress.epoch in (1, job.training.epochs) or progress.stopped_early
    on_console = bool(every) and (first_or_last or progress.epoch % every == 0)
    place = f"epoch {progress.epoch}/{job.training.epochs}"
    logger.info("%s: %s", place, describe_epoch(progress, job), extra={"in_file_only": not on_console})


def describe_epoch(progress: Progress, job: Job) -> str:
    """Return the losses, the first metric of each task, and the figure that decides where that is another."""
    train, val = progress.train[-1], progress.val[-1]
    shown = {"loss": train["loss"], "val_loss": val["loss"]}
    for name, task in job.tasks.items():
        metric = task.metrics[0].component.facts.primary
        value = val.get(metric, val.get(f"{name}_{metric}"))  # as app.evaluation.metrics.merge_tasks calls it
        if value is not None:
            shown[f"{name}: {metric}" if len(job.tasks) > 1 else metric] = value
    texts = [f"{name} {value:.4g}" for name, value in shown.items()]
    monitor = job.training.monitor
    if monitor not in shown:
        value = val[monitor.removeprefix("val_")]
        texts.append(f"{monitor} {value:.4g} (best: epoch {progress.best_epoch})")
    return "  ".join([*texts, f"lr {train['lr']:.4g}"])
