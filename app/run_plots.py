"""The plots of a run, from its saved history and predictions alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.errors import Problem, UserError
from app.plots.drawing import draw
from app.plots.inputs import PlotInputs
from app.predictions import Predictions
from app.run_directory import RunDirectory


def draw_plots(run: RunDirectory, names: Sequence[Any] | None = None, folder: Path | None = None) -> list[Path]:
    """Draw the named plots, or all that apply, into `folder` or the run's own; return their paths.

    Raises:
        UserError: a file of the run is missing or damaged, or a plot has no such name.
    """
    facts = _read(run.provenance)["dataset"]
    inputs = PlotInputs(
        predictions=Predictions.read(run.predictions),
        history=_read(run.history),
        title=run.name,
        units=facts["units"],
        simulated=facts["simulated"],
        subtitle=facts["description"],
        jacobian=_read(run.jacobian) if run.jacobian.exists() else None,
        weighting=_read(run.normalization).get("weighting", ()),
        leading_metrics=_leading_metrics(_read(run.metrics)),
    )
    return draw(inputs, folder or run.plots, names)


def _leading_metrics(results: Mapping[str, Any]) -> dict[str, str]:
    """Return what the leading metric of each task is called in the history: see evaluate.merged."""
    given = [name for task in results.values() for name in task["model"]]
    leading = {task: found["metric"] for task, found in results.items()}
    return {task: f"{task}_{name}" if given.count(name) > 1 else name for task, name in leading.items()}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            Problem(f"cannot be read ({error})", (str(path),), expected="a file of a finished run")
        ) from None
