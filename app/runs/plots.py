"""The plots of a run, from its saved history and predictions alone."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.plots.drawing.displays import Displays
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.thumbnails import keep_small
from app.predictions import Predictions
from app.runs.directory import RunDirectory
from app.runs.files import read_file

logger = logging.getLogger(__name__)


def draw_plots(
    run: RunDirectory,
    names: Sequence[Any] | None = None,
    folder: Path | None = None,
    tasks: Sequence[str] | None = None,
) -> list[Path]:
    """Draw the named plots, or all that apply, into `folder` or the run's own; return their paths.

    Only predictions.csv must exist: a missing file leaves out the plots that need it, with a warning.

    Args:
        run: a run, or what is left of one.
        names: plots from the catalog; None means all that apply, or with `tasks` those drawn for each task.
        folder: the run's own by default.
        tasks: only these.

    Raises:
        UserError: a file of the run is damaged, or a plot or task has no such name.
    """
    predictions = Predictions.read(run.predictions)
    facts = _read(run.provenance, "units and whether the data are simulated").get("dataset", {})
    job = _read(run.job, "which targets belong to one task")
    if job:
        targets = {name: task["targets"] for name, task in job["tasks"].items()}
    else:
        targets = {target: [target] for target in predictions.true}
    results = _read(run.metrics)
    given = [name for result in results.values() for name in result["model"]]
    leading = {task: result["metric"] for task, result in results.items()}
    inputs = PlotInputs(
        predictions=predictions,
        history=_read(run.history, "the curves of the training"),
        title=run.name,
        units=facts.get("units", {}),
        class_names=_read(run.normalization).get("classes", {}),
        simulated=facts.get("simulated", False),
        subtitle=facts.get("description", ""),
        jacobian=_read(run.jacobian) or None,
        weighting=_read(run.normalization).get("weighting", ()),
        # the names of the leading metrics in the history: see merge_tasks
        leading_metrics={task: f"{task}_{n}" if given.count(n) > 1 else n for task, n in leading.items()},
        tasks=targets,
        displays=read_displays(run, predictions),
    )
    drawn = draw(inputs, folder or run.plots, names, tasks=tasks)
    if folder is None:
        keep_small(drawn)
    return drawn


def read_displays(run: RunDirectory, predictions: Predictions) -> Displays | None:
    """Return the events to display; None when there are none or they belong to other predictions."""
    if not run.displays.exists():
        return None
    displays = Displays.read(run.displays)
    if (displays.row >= len(predictions)).any() or (predictions.key[displays.row] != displays.key).any():
        logger.warning("%s is left out: it belongs to other predictions than %s", run.displays, run.predictions.name)
        return None
    return displays


def _read(path: Path, lost: str = "") -> dict[str, Any]:
    """Return the content of a file of the run, {} where it is missing; a warning then says what is `lost`."""
    if path.exists():
        return read_file(path)
    if lost:
        logger.warning("%s is missing: %s cannot be known", path, lost)
    return {}
