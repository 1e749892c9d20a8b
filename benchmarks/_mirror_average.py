"""A finished run's predictions averaged over the mirror images of each event, which physics makes as often."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

AXES = ("direction_x", "direction_y", "direction_z")


def average_mirrored(folder: Path) -> dict[str, Any]:
    """Return the metrics of the test split, predicted from all eight mirror images and turned back.

    A prediction counts by its concentration where it has one, the vectors k mu being added.
    """
    from app.runtime import device

    device.prepare(0)
    from app.config.job_file import parse
    from app.data.loading import load_data
    from app.evaluation import load
    from app.evaluation.metrics import task_metrics
    from app.predictions import Predictions
    from datasets.argon.plane_mirrors import Mirrors, mirror_images

    loaded = load(str(folder))
    job = parse(json.loads((folder / "job.json").read_text()))
    events = load_data(job).splits.test.events()
    planes = [name.removeprefix("plane_") for name in loaded.model.input]
    total: Any = 0.0
    for flips in Mirrors(planes, ("time", "wires")).choices:
        found = loaded.predict(mirror_images(events.inputs, flips))
        vectors = np.stack([found[axis] for axis in AXES], axis=-1) * np.where(flips, -1.0, 1.0)
        total = total + vectors * np.asarray(found.get("kappa_direction", 1.0)).reshape(-1, 1)
    length = np.linalg.norm(total, axis=-1)
    true = {axis: np.asarray(events.columns[axis], np.float64) for axis in AXES}
    mean = dict(zip(AXES, (total / length[:, None]).T, strict=True))
    energy = {"energy": np.asarray(events.columns["energy"], np.float64)}
    concentration = {"direction": length} if "kappa_direction" in found else {}
    (task,) = job.tasks.values()
    return task_metrics(Predictions(events.key, true, mean, {}, energy, {}, {}, concentration), task)
