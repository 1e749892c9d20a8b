"""The plots of a run, from its saved history and predictions alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.errors import Problem, UserError
from app.plots.drawing.displays import Displays
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.thumbnails import keep_small
from app.predictions import Predictions
from app.runs.directory import RunDirectory

log = logging.getLogger(__name__)


def draw_plots(
    run: RunDirectory,
    names: Sequence[Any] | None = None,
    folder: Path | None = None,
    tasks: Sequence[str] | None = None,
) -> list[Path]:
    """Draw the named plots, or all that apply, into `folder` or the run's own; return their paths.

    Nothing but predictions.csv has to be there: a missing file leaves out what it would tell, and says so.

    Args:
        run: a run, or what is left of one.
        names: plots from the catalog; None means all that apply, or with `tasks` those drawn for each task.
        folder: else the run's own.
        tasks: only these.

    Raises:
        UserError: a file of the run is damaged, or a plot or task has no such name.
    """
    predictions = Predictions.read(run.predictions)
    facts = _read(run.provenance, "units and whether the data are simulated").get("dataset", {})
    inputs = PlotInputs(
        predictions=predictions,
        history=_read(run.history, "the curves of the training"),
        title=run.name,
        units=facts.get("units", {}),
        simulated=facts.get("simulated", False),
        subtitle=facts.get("description", ""),
        jacobian=_read(run.jacobian) or None,
        weighting=_read(run.normalization).get("weighting", ()),
        leading_metrics=_leading_metrics(_read(run.metrics)),
        tasks=_tasks(_read(run.job, "which targets belong to one task"), predictions),
        displays=_displays(run, predictions),
    )
    drawn = draw(inputs, folder or run.plots, names, tasks=tasks)
    if folder is None:
        keep_small(drawn)
    return drawn


def _displays(run: RunDirectory, predictions: Predictions) -> Displays | None:
    """Return the events to show, unless they are those of other predictions."""
    if not run.displays.exists():
        return None
    found = Displays.read(run.displays)
    if (found.row >= len(predictions)).any() or (predictions.key[found.row] != found.key).any():
        log.warning("%s is left out: it belongs to other predictions than %s", run.displays, run.predictions.name)
        return None
    return found


def _tasks(job: Mapping[str, Any], predictions: Predictions) -> dict[str, list[str]]:
    """Return the targets of each task; without a job each target is one."""
    if not job:
        return {target: [target] for target in predictions.true}
    return {name: task["targets"] for name, task in job["tasks"].items()}


def _leading_metrics(results: Mapping[str, Any]) -> dict[str, str]:
    """Return what the leading metric of each task is called in the history: see task_metrics.merged."""
    given = [name for task in results.values() for name in task["model"]]
    leading = {task: found["metric"] for task, found in results.items()}
    return {task: f"{task}_{name}" if given.count(name) > 1 else name for task, name in leading.items()}


def _read(path: Path, lost: str = "") -> dict[str, Any]:
    """Return the content of a file of the run, nothing when it is not there; then `lost` says what that leaves out."""
    if not path.exists():
        if lost:
            log.warning("%s is missing: %s cannot be known", path, lost)
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            Problem(f"cannot be read ({error})", (str(path),), expected="a file of a finished run")
        ) from None
    return content
