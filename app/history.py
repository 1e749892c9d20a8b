"""The terms of a loss in a finished history: what each ended at, and which of them the training did not move."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

SUMS = ("loss", "data_loss", "physics_loss")
MOVED = 0.01
"""Share of its first value by which a term must change to have taken part in the training."""


def flat(epoch: Mapping[str, Any]) -> dict[str, Any]:
    """Return one epoch of a history with the stages' losses by name: stage_1_loss, ..."""
    stages = {f"stage_{i}_loss": value for i, value in enumerate(epoch.get("stage_losses", ()), start=1)}
    return {name: value for name, value in epoch.items() if name != "stage_losses"} | stages


def final_terms(history: Mapping[str, Any]) -> dict[str, float]:
    """Return each term of the validation loss, and its sums, at the best epoch; nothing where there is only one."""
    best = history["best_epoch"]
    if not best:
        return {}
    found = {name: value for name, value in flat(history["val"][best - 1]).items() if name.endswith("_loss")}
    return found if found.keys() - set(SUMS) else {}


def unmoved(history: Mapping[str, Any], tasks: Collection[str]) -> list[str]:
    """Say of each term of the training loss that changed by less than 1 % from the first epoch to the best one.

    The loss of a single task is not a term: it is what the run is about. Of a training whose first epoch was its best
    nothing is said.

    Args:
        history: the content of history.json.
        tasks: names of the job's tasks.
    """
    best = history["best_epoch"]
    if not best or best < 2:
        return []
    first, last = flat(history["train"][0]), flat(history["train"][best - 1])
    left_out = {*SUMS, *(f"{task}_loss" for task in tasks if len(tasks) == 1)}
    names = [name for name in first if name.endswith("_loss") and name not in left_out]
    return [
        f"{name} did not move: {first[name]:.4g} in the first epoch, {last[name]:.4g} in the best, epoch {best}"
        for name in names
        if abs(last[name] - first[name]) <= MOVED * abs(first[name])
    ]
