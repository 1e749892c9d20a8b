"""Files of photon sensors: trees with the readings of as many sensors as the calorimeter has."""

from collections.abc import Container
from typing import Any

from app.physics.xenon_calorimeter import SENSORS
from datasets.files.contents import Contents, Recognized
from datasets.photons.files import ELEMENT, READINGS, TRUTH

TASKS: dict[str, dict[str, Any]] = {
    "angle": {"targets": ["theta", "phi"], "loss": "smooth_l1", "metrics": "direction"},
    "energy": {"targets": ["energy"], "loss": {"name": "smooth_l1", "beta": 0.1}, "metrics": "energy"},
    "timing": {"targets": ["time"], "loss": {"name": "smooth_l1", "beta": 0.1}, "metrics": "timing"},
    "position": {"targets": ["u", "v", "w"], "loss": {"name": "smooth_l1", "beta": 0.1}, "metrics": "position"},
}


def recognize(contents: Contents) -> Recognized | None:
    """Recognise a tree with photons and times of all sensors, and what of the truth it has."""
    for tree, branches in contents.trees.items():
        if all(branches.get(name, "").endswith(f"[{SENSORS}]") for name in READINGS.values()):
            tasks = known_tasks(branches)
            why = f"the tree {tree!r} has photons and times of {SENSORS} sensors"
            if not tasks:
                return Recognized(f"{why}, without their truth", {"tree": tree, "truth": False}, {})
            job = {
                "application": "photon_calorimeter",
                "model": {"name": "calorimeter_encoder", "preset": "small"},
                "tasks": tasks,
                "training": {"epochs": 14, "batch_size": 64, "optimizer": {"name": "adamw", "learning_rate": 2e-3}},
            }
            return Recognized(why, {"tree": tree}, job)
    return None


def known_tasks(branches: Container[str]) -> dict[str, Any]:
    """Return the tasks whose truth a tree has."""
    found = {column for column, place in TRUTH.items() if ELEMENT.sub(r"\1", place) in branches}
    return {name: task for name, task in TASKS.items() if {*task["targets"]} <= found}
