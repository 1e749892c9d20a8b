"""What a job trains on, before anything is trained: whether its splits are apart, and what its weightings do."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.config import Job
from app.data.loading import load_data
from app.data.targets import check_targets
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.runtime import device
from app.runtime.console import console, table
from datasets.pipeline.arrays import Sparse
from datasets.pipeline.event_keys import hash_images, hash_pixels, mix
from datasets.pipeline.events import Events
from datasets.pipeline.options import PARTS
from datasets.pipeline.split import Splits

Keys = NDArray[np.uint64]


def show_events(job: Job, folder: Path) -> None:
    """Print how the splits of a job overlap and what its weightings do, and draw the distributions before and after.

    (sum w)^2 / sum w^2 is the number of equal events that would give the mean as precisely.

    Args:
        job: its data are read, or simulated first.
        folder: of the plot, `<job>_reweighting.png`.

    Raises:
        UserError: the data or the weightings are wrong.
    """
    device.prepare(job.seed)
    data = load_data(job)
    console.print(f"{job.name}: {data.splits.train.rows:,} training events")
    check_targets(job, data)
    header = ["split", "events", "distinct keys", "keys elsewhere", "inputs elsewhere"]
    table("splits", header, compare_splits(data.splits))
    if data.weighting is None:
        console.print("no weightings: every event counts alike")
        return
    weights = np.concatenate([np.asarray(data.weighting(events), np.float64) for events in data.splits.train])
    names = " x ".join(name for _, name, _ in data.weighting.parts)
    effective = weights.sum() ** 2 / np.square(weights).sum()
    spread = [f"{value:.4g}" for value in (weights.min(), np.median(weights), weights.max())]
    header = ["weighting", "least", "median", "largest", "effective events"]
    table("weights of the training events", header, [[names, *spread, f"{effective:,.0f}"]])
    fitted = data.weighting.dump()
    if fitted:
        units = {name: column.unit for name, column in {**data.source.extras, **data.source.targets}.items()}
        inputs = PlotInputs(title=job.name, units=units, simulated=data.simulated, weighting=fitted)
        (path,) = draw(inputs, folder, ["reweighting"])
        console.print(f"plot: {path.replace(folder / f'{job.name}_reweighting.png')}")


def compare_splits(splits: Splits) -> list[list[str]]:
    """Return for each split its name, events, distinct keys, and how many keys and inputs another split has too.

    Clusters of one event share a key, so that they are in one split.
    """
    hashes: dict[str, tuple[Keys, Keys]] = {}
    for name in PARTS:
        blocks = [(events.key, hash_inputs(events)) for events in getattr(splits, name)]
        keys, contents = zip(*blocks, strict=True) if blocks else ((), ())
        empty = np.empty(0, np.uint64)
        hashes[name] = np.concatenate([empty, *keys]), np.concatenate([empty, *contents])
    rows = []
    for name, (key, content) in hashes.items():
        others = [hashes[other] for other in PARTS if other != name]
        counts = [np.isin(key, np.concatenate([k for k, _ in others])).sum()]
        counts += [np.isin(content, np.concatenate([c for _, c in others])).sum()]
        rows.append([name, *(f"{n:,}" for n in (len(key), len(np.unique(key)), *counts))])
    return rows


def hash_inputs(events: Events) -> Keys:
    """Return a hash of all inputs of each event, equal for equal inputs, (N,)."""
    key = np.zeros(len(events), np.uint64)
    for position, values in enumerate(events.inputs.values()):
        if isinstance(values, Sparse):
            pixels = values.matrix
            event = np.repeat(np.arange(len(values)), np.diff(pixels.indptr))
            content = hash_pixels(event, pixels.indices.astype(np.uint64), pixels.data, len(values))
        else:
            content = hash_images(np.asarray(values, np.float32))
        key = mix(key ^ content, position)
    return key
