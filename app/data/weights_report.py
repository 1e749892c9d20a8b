"""What the weightings of a job do to its training events, before anything is trained."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.config import Job
from app.data.split_report import show_splits
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.runtime.console import console, table

if TYPE_CHECKING:
    from app.data.loading import Data
    from app.data.weighting import Weighting

logger = logging.getLogger(__name__)


def show_weights(job: Job, folder: Path) -> None:
    """Print the weights' range and effective number of events, and draw the distributions before and after.

    (sum w)^2 / sum w^2 is the number of equal events that would tell the mean as precisely.

    Args:
        job: its data are read, or simulated first.
        folder: of the plot, `<job>_reweighting.png`.

    Raises:
        UserError: the data or the weightings are wrong.
    """
    from app.runtime import device

    device.prepare(job.seed)
    from app.data.loading import load_data

    data = load_data(job)
    console.print(f"{job.name}: {data.splits.train.rows:,} training events")
    show_splits(data.splits)
    if data.weighting is None:
        console.print("no weightings: every event counts alike")
        return
    _show_range(data, data.weighting)
    found = data.weighting.dump()
    if found:
        units = {name: column.unit for name, column in {**data.source.extras, **data.source.targets}.items()}
        inputs = PlotInputs(title=job.name, units=units, simulated=data.simulated, weighting=found)
        (path,) = draw(inputs, folder, ["reweighting"])
        console.print(f"plot: {path.replace(folder / f'{job.name}_reweighting.png')}")


def _show_range(data: Data, weighting: Weighting) -> None:
    weights = np.concatenate([np.asarray(weighting(events), np.float64) for events in data.splits.train])
    names = " x ".join(name for _, name, _ in weighting.parts)
    effective = weights.sum() ** 2 / np.square(weights).sum()
    cells = [
        names,
        *(f"{value:.4g}" for value in (weights.min(), np.median(weights), weights.max())),
        f"{effective:,.0f}",
    ]
    table("weights of the training events", ["weighting", "least", "median", "largest", "effective events"], [cells])
