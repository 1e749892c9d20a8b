"""What a training minimises: the one keras.Model around every network. Imported where Keras is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from app.physical import columns_of
from datasets.transforms import Chain


@dataclass(frozen=True)
class Term:
    """One task's share of the loss: weight * mean over events of loss(forward(y_true), y_pred)."""

    name: str
    weight: float
    loss: Callable[[Any, Any], Any]
    chain: Chain
    mean_weight: float = 1.0


class Objective(keras.Model):
    """Sum of the tasks' losses, each computed in its transformed space, with one tracker per term.

    Args:
        network: raw inputs -> {task: output in the transformed space}.
        terms: the tasks.
        columns: names of the columns of each flat input tensor.
    """

    def __init__(self, network: Any, terms: Sequence[Term], columns: Mapping[str, Sequence[str]]) -> None:
        super().__init__(name="objective")
        self.network = network
        self.terms = tuple(terms)
        self.columns = columns
        several = len(self.terms) > 1
        self.trackers = {t.name: keras.metrics.Mean(name=f"{t.name}_loss") for t in self.terms} if several else {}

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the network's outputs."""
        return self.network(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the total loss of one batch; `sample_weight` (N,) has mean 1 over the training split."""
        inputs = columns_of(x, self.columns)
        total = 0.0
        for term in self.terms:
            value = _mean_loss(term, y[term.name], y_pred[term.name], inputs, sample_weight)
            if term.name in self.trackers:
                self.trackers[term.name].update_state(value)
            total += term.weight * value
        return total


def _mean_loss(term: Term, y_true: Any, y_pred: Any, inputs: Mapping[str, Any], sample_weight: Any) -> Any:
    values = term.loss(term.chain.forward(y_true, inputs), keras.ops.cast(y_pred, "float32"))
    for weight in (term.chain.weight(inputs), sample_weight):
        if weight is not None:
            values = values * weight
    return keras.ops.mean(values) / term.mean_weight
