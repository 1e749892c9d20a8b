"""What a training minimises: the one keras.Model around every network. Imports Keras."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from app.core.errors import Problem, UserError
from app.layers.features import split_columns
from app.models import SCORES, TRACK_CODE
from app.training.constraints import Constraints, HitConstraints
from datasets.transforms.chain import Chain

UNLABELLED = "unlabelled_"
"""Prefix of the inputs of states without truth, next to those of the labelled states."""


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
        self.weights_of_terms = {loss_name(term.name): term.weight for term in self.terms}
        self.weights_of_terms |= constraints.weights() if constraints else {}
        self.balance = balancing(self, self.weights_of_terms) if balancing else None
        names: list[str] = []
        if len(self.weights_of_terms) > 1:
            names = [*self.weights_of_terms, "data_loss", *(["physics_loss"] if constraints else [])]
            names += [weight_name(name) for name in self.weights_of_terms]
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
            weight = self.curriculum(inputs, self.epoch)
            # Its mean over the batch becomes 1, or 0 when no event has a weight yet.
            weight = weight / keras.ops.maximum(keras.ops.mean(weight), 1e-6)
            sample_weight = weight if sample_weight is None else weight * sample_weight
        losses = {}
        for term in self.terms:
            values = term.loss(y[term.name], keras.ops.cast(y_pred[term.name], "float32"))
            check_per_event(values, term.name)
            for weight in (term.chain.weight(inputs), sample_weight):
                values = values if weight is None else values * weight
            losses[loss_name(term.name)] = keras.ops.mean(values) / term.mean_weight
        losses |= self.physics_losses(x, y_pred, inputs, training) if self.constraints else {}
        added = {name: (weight, 0.0) for name, weight in self.weights_of_terms.items()}
        if training and self.balance:
            shares = self.constraints.warmup(self.epoch) if self.constraints else {}
            balanced = self.balance(self.epoch)
            added = {n: (w * shares.get(n, 1.0), offset * shares.get(n, 1.0)) for n, (w, offset) in balanced.items()}
        self.update_trackers(losses, added)
        return sum(weight * losses[name] + offset for name, (weight, offset) in added.items())

    def physics_losses(self, x: Any, y_pred: Any, inputs: Mapping[str, Any], training: bool) -> dict[str, Any]:
        """Return the mean over the batch of each constraint's term, of labelled and unlabelled states together."""
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
        values = self.constraints(code, inputs, self.generator, training)  # type: ignore[misc]
        return {n: keras.ops.mean(v if weight is None else v * weight) / task.mean_weight for n, v in values.items()}

    def update_trackers(self, losses: Mapping[str, Any], added: Mapping[str, tuple[Any, Any]]) -> None:
        """Update the trackers.

        Args:
            losses: the value of each term.
            added: weight and offset of each term in the total loss.
        """
        if not self.trackers:
            return
        tasks = [loss_name(term.name) for term in self.terms]
        sums = {"data_loss": sum(self.weights_of_terms[name] * losses[name] for name in tasks)}
        if self.constraints:
            physics = self.constraints.terms()
            sums["physics_loss"] = sum(self.weights_of_terms[name] * losses[name] for name in physics)
        used = {weight_name(name): keras.ops.cast(weight, "float32") for name, (weight, _) in added.items()}
        for name, value in {**losses, **sums, **used}.items():
            self.trackers[name].update_state(keras.ops.where(self.sound > 0, value, 0.0), self.sound)
        # One step after a term that is not finite none is finite. Later steps are not tracked, so that the error names
        # the first term also where several steps are one execution.
        self.sound.assign(self.sound * keras.ops.cast(keras.ops.isfinite(sum(losses.values())), "float32"))


def loss_name(task: str) -> str:
    """Return what the figure of a task's loss is called: <task>_loss."""
    return f"{task}_loss"


def weight_name(term: str) -> str:
    """Return what the figure of a term's factor in the total loss is called: <task>_weight."""
    return f"{term.removesuffix('_loss')}_weight"


def check_per_event(values: Any, task: str) -> None:
    """Refuse a loss that is no value per event, which event weights would multiply wrongly, when it is traced."""
    if len(values.shape) != 1:
        expected, received = "one value per event, (N,)", f"shape {tuple(values.shape)}"
        raise UserError(Problem("not a loss", ("tasks", task, "loss"), expected=expected, received=received))
