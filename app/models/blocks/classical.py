"""The inputs of a model that needs no training, and the columns of the tracks it is for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.physics.magnet import Magnet

Table = Mapping[str, Any]

STATE = ("x", "y", "tx", "ty")
LINE_INPUTS = (*STATE, "dz")
TRACK_INPUTS = (*STATE, "qop", "dz")


@dataclass(frozen=True)
class BaselineInputs:
    """The facts about a task from which the layer of a classical model is made.

    Attributes:
        name: of the layer.
        columns: names of the columns of each flat input.
        targets: names of the task's targets, in order.
        magnet: field and start plane; None where the data do not say.
        tables: a function that returns the training and the validation events, at most 100,000 of each: input columns
        under
            their own names and truth under `true_<target>`, (N,) float64 in physical units.
    """

    name: str
    columns: Mapping[str, Sequence[str]]
    targets: Sequence[str]
    magnet: Magnet | None
    tables: Callable[[], tuple[Table, Table]]
