"""Learning-rate schedules: functions of the step where possible, callback state where the validation loss decides."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from app.core.catalog import Catalog
from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.core.types import Count, Fraction, NonNegative


@dataclass
class Schedule:
    """A learning rate over the training.

    Attributes:
        learning_rate: what the optimizer is built with: a float, or a Keras LearningRateSchedule of the step.
    """

    learning_rate: Any

    def update(self, _validation_loss: float) -> float | None:
        """Take the validation loss of a finished epoch; return the learning rate to set, or None to leave it alone."""
        return None

    def state(self) -> dict[str, float]:
        """Return what `restore` needs to continue exactly; empty when the optimizer's step count is all of it."""
        return {}

    def restore(self, state: dict[str, float]) -> None:
        """Continue from what `state` returned."""


SCHEDULES = Catalog[Schedule]("schedule", "app.schedules")


@SCHEDULES("constant")
def constant(learning_rate: float, steps_per_epoch: int, epochs: int) -> Schedule:
    """The same learning rate in every step.

    Args:
        learning_rate: the optimizer's learning rate.
        steps_per_epoch: batches in one epoch.
        epochs: length of the training.

    Returns:
        The schedule, with a float.
    """
    return Schedule(learning_rate)


@SCHEDULES("cosine")
def cosine(
    learning_rate: float,
    steps_per_epoch: int,
    epochs: int,
    *,
    warmup_epochs: NonNegative = 0.0,
    final_fraction: Fraction = 0.0,
) -> Schedule:
    """Linear warm-up from zero, then half a cosine down to the last step.

    lr(k) = lr k / w for the first w = warmup_epochs * steps_per_epoch steps, then
    lr (f + (1 - f) (1 + cos(pi (k - w) / (K - w))) / 2) with K = epochs * steps_per_epoch and f = final_fraction. Needs
    the length of the training: stopped early, it never becomes small. A step is a batch, with gradient accumulation.

    Args:
        learning_rate: value at the end of the warm-up.
        steps_per_epoch: batches in one epoch.
        epochs: length of the training.
        warmup_epochs: length of the warm-up; fractions of an epoch are allowed.
        final_fraction: learning rate of the last step as a share of the full one.

    Returns:
        The schedule, with a Keras CosineDecay.

    Raises:
        UserError: the warm-up leaves no step for the decay.

    References:
        I. Loshchilov, F. Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, eq. 5, arXiv:1608.03983.
    """
    warmup = round(warmup_epochs * steps_per_epoch)
    decay = epochs * steps_per_epoch - warmup
    if decay < 1:
        expected = f"less than the {epochs} epochs of the training"
        raise UserError(
            Problem("leaves no step for the decay", ("warmup_epochs",), expected=expected, received=warmup_epochs)
        )
    decays = keras.optimizers.schedules.CosineDecay
    if not warmup:
        return Schedule(decays(learning_rate, decay, alpha=final_fraction))
    return Schedule(decays(0.0, decay, alpha=final_fraction, warmup_target=learning_rate, warmup_steps=warmup))


@dataclass
class Plateau(Schedule):
    """Learning rate that falls by `factor` when the validation loss has not improved for `patience` epochs."""

    factor: float
    patience: int
    min_delta: float
    minimum: float
    best: float = float("inf")
    wait: int = 0

    def update(self, validation_loss: float) -> float | None:
        """Count the epoch; return the lowered learning rate when patience has run out. NaN is no improvement."""
        if validation_loss < self.best - self.min_delta:
            self.best, self.wait = validation_loss, 0
            return None
        self.wait += 1
        if self.wait < self.patience or self.learning_rate <= self.minimum:
            return None
        self.learning_rate, self.wait = max(self.learning_rate * self.factor, self.minimum), 0
        return float(self.learning_rate)

    def state(self) -> dict[str, float]:
        """Return the best loss, the epochs waited since, and the learning rate."""
        return {"best": self.best, "wait": self.wait, "learning_rate": self.learning_rate}

    def restore(self, state: dict[str, float]) -> None:
        """Continue from what `state` returned."""
        self.best, self.wait = state["best"], int(state["wait"])
        self.learning_rate = state["learning_rate"]


@SCHEDULES("plateau")
def plateau(
    learning_rate: float,
    steps_per_epoch: int,
    epochs: int,
    *,
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    patience: Count = 10,
    min_delta: NonNegative = 0.0,
    minimum: NonNegative = 0.0,
) -> Schedule:
    """Lower the learning rate each time the validation loss stands still.

    lr -> max(factor lr, minimum) after `patience` epochs without an improvement by more than `min_delta`. For trainings
    whose length is not known beforehand; it needs a validation loss that is less noisy than min_delta.

    Args:
        learning_rate: value at the start.
        steps_per_epoch: batches in one epoch.
        epochs: length of the training.
        factor: what the learning rate is multiplied by.
        patience: epochs without improvement before that; less than the patience of the early stopping.
        min_delta: smallest fall of the validation loss that counts.
        minimum: learning rate below which it does not fall.

    Returns:
        The schedule, with a float and with state.
    """
    return Plateau(learning_rate, factor, patience, min_delta, minimum)
