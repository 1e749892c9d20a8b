"""Baselines: predictions that need no network, fitted on the same training events.

A baseline is called as `fit(train, validation, targets)`. The mappings hold the input columns under their own names and
the truth under `true_<target>` (as in predictions.csv), each an array (N,) in physical units. It returns a `Baseline`.

The decorator may state which `inputs=` it reads, all of them or `any_of=` some, and which `targets=` it knows (all of
them without), `classes=True` for one that predicts classes (None: such that are learned as numbers as well),
`floor=True` for one that has learned nothing: a constant, a track without a magnet, and `truth=True` for one that looks
at the truth: it is shown, and no network is measured against it. One that is `general=True` reads all columns of the
flat inputs, whatever they are, and is fitted where no other has learned anything of the targets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics import BASELINES

Columns = Mapping[str, NDArray[np.floating[Any]]]
Predicted = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline: called with input columns (N,), it returns `{target: array (N,)}`."""

    description: str
    predict: Callable[[Columns], Predicted]

    def __call__(self, columns: Columns) -> Predicted:
        """Predict from input columns."""
        return self.predict(columns)


def needed() -> set[str]:
    """Return the columns that some baseline reads; any other column would become a feature of the polynomial."""
    return {name for baseline in BASELINES for name in (*baseline.facts.inputs, *baseline.facts.any_of)}


def feature_matrix(columns: Columns, names: Sequence[str] = ()) -> tuple[list[str], NDArray[np.float64]]:
    """Return names, by default all that are no truth, and values (N, names) of columns, in float64."""
    chosen = list(names) or [name for name in columns if not name.startswith("true_")]
    return chosen, np.stack([columns[name] for name in chosen], axis=-1).astype(np.float64)


def applicable(
    columns: Sequence[str], targets: Sequence[str], classes: bool = False, flat: Sequence[str] = ()
) -> list[str]:
    """Return the baselines that know these inputs and targets.

    Only one floor is returned, the one that reads the most inputs: next to the straight line of a track the mean of all
    tracks is of no use.

    Args:
        columns: names of the columns at hand.
        targets: names of the targets.
        classes: whether these are numbers of classes, whose mean has no meaning.
        flat: the columns of the flat inputs.
    """
    fitting = [b for b in BASELINES if b.facts.classes in (classes, None)]
    known = [b for b in fitting if not b.facts.general]
    known = [b for b in known if set(b.facts.inputs) <= set(columns)]
    known = [b for b in known if not b.facts.any_of or set(b.facts.any_of) & set(columns)]
    known = [b for b in known if b.facts.targets is None or set(targets) <= set(b.facts.targets)]
    floors = sorted((b for b in known if b.facts.floor), key=lambda b: len(b.facts.inputs))
    if flat and all(b.facts.floor for b in known):
        known += [b for b in fitting if b.facts.general]
    return [b.name for b in known if b not in floors[:-1]]


def fit(
    train: Columns,
    validation: Columns,
    targets: Sequence[str],
    names: Sequence[str] | None = None,
    classes: bool = False,
    flat: Sequence[str] = (),
) -> dict[str, Baseline]:
    """Fit the named baselines, or all that apply, and return them by name."""
    inputs = [name for name in train if not name.startswith("true_")]
    fitted: dict[str, Any] = {}
    for name in applicable(inputs, targets, classes, flat) if names is None else names:
        spec, own = BASELINES.parse(name), train
        if spec.component.facts.general:
            own = {column: train[column] for column in (*flat, *(f"true_{target}" for target in targets))}
        fitted[name] = spec.build(own, validation, targets)
    return fitted
