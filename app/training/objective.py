"""What a training minimises: the one keras.Model around every network. Imported where Keras is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from app.layers.features import split_columns
from app.models import SCORES, TRACK_CODE
from app.training.constraints import Constraints, HitConstraints
from datasets.transforms.chain import Chain

UNLABELLED = "unlabelled_"
"""Prefix of the inputs of states without truth, beside those of the labelled ones."""


@dataclass(frozen=True)
class Term:
    """One task's share of the loss: weight * mean over events of loss(y_true, y_pred), both as transformed."""

    name: str
    weight: float
    loss: Callable[[Any, Any], Any]
    chain: Chain
    mean_weight: float = 1.0


class Objective(keras.Model):
    """Sum of the tasks' losses, each in its transformed space, and of the physics terms, with one tracker per term.

    Args:
        network: raw inputs -> {task: output in the transformed space}, and {"path": code} for models of whole tracks.
        terms: the tasks.
        columns: names of the columns of each flat input tensor.
        constraints: the physics terms, weighted per event as the first task is, or those on the scores of hits.
        balancing: called as balancing(objective, weights); makes the function of the epoch that weighs the terms.
        curriculum: weights (N,) of events by (columns, epoch), in training.
    """

    def __init__(
        self,
        network: Any,
        terms: Sequence[Term],
        columns: Mapping[str, Sequence[str]],
        constraints: Constraints | HitConstraints | None = None,
        balancing: Callable[..., Any] | None = None,
        curriculum: Callable[[Mapping[str, Any], Any], Any] | None = None,
    ) -> None:
        super().__init__(name="objective")
        self.network, self.terms, self.columns = network, tuple(terms), columns
        self.constraints, self.curriculum = constraints, curriculum
        self.epoch = self.add_weight(shape=(), initializer="zeros", trainable=False, name="epoch")
        self.generator = keras.random.SeedGenerator(1)
        self.weights_of_terms = {_tracked(t.name): t.weight for t in self.terms}
        self.weights_of_terms |= constraints.weights() if constraints else {}
        self.balance = balancing(self, self.weights_of_terms) if balancing else None
        several = len(self.weights_of_terms) > 1
        names = [*self.weights_of_terms, "data_loss", *(["physics_loss"] if constraints else [])] if several else []
        names += [_weight_of(name) for name in self.weights_of_terms] if several else []
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}
        self.sound = self.add_weight(shape=(), initializer="ones", trainable=False, name="sound")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the network's outputs."""
        return self.network({name: inputs[name] for name in self.network.input}, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the total loss of one batch; `sample_weight` (N,) has mean 1 over the training split.

        `y` holds the targets as the network shall give them: the transforms are applied with the data, once for each
        pass, not in the compiled step, in which XLA would work an extrapolation out again for each of its uses.

        Warm-up, balancing and curriculum act in training only: validation adds the terms up with the job's own weights,
        so that its epochs compare.
        """
        inputs = split_columns(x, self.columns)
        if training and self.curriculum:
            sample_weight = _scheduled(self.curriculum(inputs, self.epoch), sample_weight)
        losses = {_tracked(t.name): _mean_loss(t, y[t.name], y_pred[t.name], inputs, sample_weight) for t in self.terms}
        losses |= self._physics(x, y_pred, inputs, training) if self.constraints else {}
        added = self._added() if training and self.balance else {n: (w, 0.0) for n, w in self.weights_of_terms.items()}
        self._track(losses, added)
        return sum(weight * losses[name] + offset for name, (weight, offset) in added.items())

    def _physics(self, x: Any, y_pred: Any, inputs: Mapping[str, Any], training: bool) -> dict[str, Any]:
        if isinstance(self.constraints, HitConstraints):
            return {n: keras.ops.mean(v) for n, v in self.constraints(y_pred[SCORES], x).items()}
        code = y_pred[TRACK_CODE]
        unlabelled = {n.removeprefix(UNLABELLED): v for n, v in x.items() if n.startswith(UNLABELLED)}
        if unlabelled:
            code = keras.ops.concatenate([code, self.network(unlabelled, training=training)[TRACK_CODE]])
            more = split_columns(unlabelled, self.columns)
            inputs = {name: keras.ops.concatenate([value, more[name]]) for name, value in inputs.items()}
        task = self.terms[0]
        weight = task.chain.weight(inputs)
        found = self.constraints(code, inputs, self.generator, training)  # type: ignore[misc]
        return {n: keras.ops.mean(v if weight is None else v * weight) / task.mean_weight for n, v in found.items()}

    def _added(self) -> dict[str, tuple[Any, Any]]:
        """Return weight and offset of each term in this epoch, those in their warm-up with a share of them."""
        shares = self.constraints.warmup(self.epoch) if self.constraints else {}
        found = self.balance(self.epoch)  # type: ignore[misc]
        return {n: (w * shares.get(n, 1.0), offset * shares.get(n, 1.0)) for n, (w, offset) in found.items()}

    def _weighted(self, losses: Mapping[str, Any], names: Any) -> Any:
        return sum(self.weights_of_terms[name] * losses[name] for name in names)

    def _track(self, losses: Mapping[str, Any], added: Mapping[str, tuple[Any, Any]]) -> None:
        if not self.trackers:
            return
        tasks = [_tracked(term.name) for term in self.terms]
        sums = {"data_loss": self._weighted(losses, tasks)}
        if self.constraints:
            sums["physics_loss"] = self._weighted(losses, self.constraints.terms())
        used = {_weight_of(name): keras.ops.cast(weight, "float32") for name, (weight, _) in added.items()}
        for name, value in {**losses, **sums, **used}.items():
            self.trackers[name].update_state(keras.ops.where(self.sound > 0, value, 0.0), self.sound)
        # One step after a term that is not finite all of them are: what they are then is not written down, so that the
        # first is named also where several steps are one execution.
        self.sound.assign(self.sound * keras.ops.cast(keras.ops.isfinite(sum(losses.values())), "float32"))


def _tracked(task: str) -> str:
    return f"{task}_loss"


def _weight_of(term: str) -> str:
    """Name the figure of what a term's loss is multiplied with: <task>_weight."""
    return f"{term.removesuffix('_loss')}_weight"


def _scheduled(weight: Any, sample_weight: Any) -> Any:
    """Return the weights with mean 1 over the batch; 0 for all when no event has a weight yet."""
    weight = weight / keras.ops.maximum(keras.ops.mean(weight), 1e-6)
    return weight if sample_weight is None else weight * sample_weight


def _mean_loss(term: Term, y_true: Any, y_pred: Any, inputs: Mapping[str, Any], sample_weight: Any) -> Any:
    values = term.loss(y_true, keras.ops.cast(y_pred, "float32"))
    for weight in (term.chain.weight(inputs), sample_weight):
        if weight is not None:
            values = values * weight
    return keras.ops.mean(values) / term.mean_weight
