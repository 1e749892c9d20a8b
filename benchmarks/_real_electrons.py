"""Where a finished run's network points real electrons: rightly read, and with one convention wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Images = Mapping[str, Any]
"""By input, "plane_u", "plane_v", "plane_x": (N, ticks, channels)."""


def _exchange_views(images: Images) -> Images:
    return {**images, "plane_u": images["plane_v"], "plane_v": images["plane_u"]}


def _reverse_time(images: Images) -> Images:
    return {**images, "plane_x": images["plane_x"][:, :, ::-1]}


def _backward(images: Images) -> Images:
    return {name: image[:, ::-1] for name, image in images.items()}


CONTROLS: dict[str, Callable[[Images], Images]] = {
    "right": dict,
    "U and V exchanged": _exchange_views,
    "X reversed": _reverse_time,
    "time reversed": _backward,
}
"""A wrong convention does not fail: it points elsewhere, and with fewer planes less far than one would think."""


@cache
def read_electrons(file: Path) -> Any:
    """Return the events of a file whose cluster is a main track, as the loader reads them."""
    from datasets import DATASETS
    from datasets.pipeline.events import Events

    spec = DATASETS.parse({"name": "plane_images", "files": [str(file)], "main_track": True})
    return Events.concatenate(list(spec.build([file])))


def predict_directions(folder: Path, file: Path, control: str) -> Any:
    """Return the angles [deg] between prediction and truth (N,); None where the network does not see those planes."""
    loaded, events = _load_model(folder), read_electrons(file)
    if control == "U and V exchanged" and "plane_u" not in loaded.model.input:
        return None
    images = CONTROLS[control](events.inputs)
    found = loaded.predict({name: np.ascontiguousarray(images[name]) for name in loaded.model.input})
    true, guess = (np.stack([of[f"direction_{a}"] for a in "xyz"], axis=-1) for of in (events.columns, found))
    return opening_angles(true, guess)


@cache
def _load_model(folder: Path) -> Any:
    from app.evaluation import load

    return load(str(folder))


def opening_angles(one: Any, other: Any) -> Any:
    """Return the angles between vectors (N, 3) [deg]."""
    one, other = (np.asarray(v, np.float64) for v in (one, other))
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(one, other), axis=-1), (one * other).sum(axis=-1)))


def summarize_angles(angle: Any) -> dict[str, Any]:
    """Return what the tables say of N events."""
    return {
        "median [deg]": float(np.median(angle)),
        "within 45 deg": int((angle < 45).sum()),
        "flips": int((angle > 90).sum()),
        "events": len(angle),
    }
