"""Weightings: per-event weights on the loss.

A weighting is called as `name(columns, *, ...)` with the columns of a block of events by name, each (N,): the model's
flat inputs, the targets as true_<target>, and what else the data carry. It returns weights (N,) from 0 up, which the
program divides by their mean over the training split: loss = (1/N) sum_i w_i loss_i, in training and in validation.
Those registered with `signed=True` may return negative ones as well, whose sum has to be positive in each of the two.
Those registered with `epochs=True` change while the training goes on: they are called as `name(columns, epoch, *, ...)`
with tensors of the input columns that `needs=(...)` names, and act in training only. Those with `fits=True` are called
as `name(blocks, *, ...)` with the columns of the training split, block by block and several times; they return the
function of the columns, whose `dump()` is kept with the run. Weights are on the tasks' losses, not on constraints.
"""

from typing import Any

from app.core.catalog import Catalog
from app.core.types import Facts


class WeightingFacts(Facts):
    """What a weighting says of itself."""

    epochs: bool = False
    needs: tuple[str, ...] = ()
    fits: bool = False
    signed: bool = False


WEIGHTINGS = Catalog[Any, WeightingFacts]("weighting", "losses.weighting", facts=WeightingFacts)
