"""A finished history: as a table, the final terms of its loss, and those that the training did not change."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUMS = ("loss", "data_loss", "physics_loss")
"""The sums of terms among the losses of an epoch."""
MOVED = 0.01
"""Relative change from the first epoch below which a term counts as not moved by the training."""


def flatten_epoch(epoch: Mapping[str, Any]) -> dict[str, Any]:
    """Return one epoch of a history with the losses of the stages by name: stage_1_loss, ..."""
    stages = {f"stage_{i}_loss": value for i, value in enumerate(epoch.get("stage_losses", ()), start=1)}
    return {name: value for name, value in epoch.items() if name != "stage_losses"} | stages


def tabulate(history: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return `epoch` (E,), from 1, and figures as `train_<figure>` and `val_<figure>` (E,), NaN where there is none.

    Args:
        history: the content of history.json.
    """
    epochs = [entry["epoch"] for entry in history["train"]]
    table: dict[str, NDArray[Any]] = {"epoch": np.array(epochs, np.int64)}
    for part in ("train", "val"):
        rows = {entry["epoch"]: flatten_epoch(entry) for entry in history[part]}
        figures = {name: value for row in rows.values() for name, value in row.items()}
        for name in (name for name, value in figures.items() if name != "epoch" and isinstance(value, (int, float))):
            values = (rows.get(epoch, {}).get(name) for epoch in epochs)
            table[f"{part}_{name}"] = np.array([np.nan if value is None else value for value in values], np.float64)
    return table


def final_terms(history: Mapping[str, Any]) -> dict[str, float]:
    """Return each term of the validation loss, and its sums, at the best epoch; empty where there is only one term."""
    best = history["best_epoch"]
    if not best:
        return {}
    terms = {name: value for name, value in flatten_epoch(history["val"][best - 1]).items() if name.endswith("_loss")}
    return terms if terms.keys() - set(SUMS) else {}


def describe_constant_terms(history: Mapping[str, Any], tasks: Collection[str]) -> list[str]:
    """Return a line for each term of the training loss that changed by less than 1 % from the first to the best epoch.

    The loss of a single task is not such a term: it is the aim of the run. A training whose first epoch was its best
    has no lines.

    Args:
        history: the content of history.json.
        tasks: names of the job's tasks.
    """
    best = history["best_epoch"]
    if not best or best < 2:
        return []
    first, last = flatten_epoch(history["train"][0]), flatten_epoch(history["train"][best - 1])
    left_out = {*SUMS, *(f"{task}_loss" for task in tasks if len(tasks) == 1)}
    names = [name for name in first if name.endswith("_loss") and name not in left_out]
    return [
        f"{name} did not move: {first[name]:.4g} in the first epoch, {last[name]:.4g} in the best, epoch {best}"
        for name in names
        if abs(last[name] - first[name]) <= MOVED * abs(first[name])
    ]
