"""Weightings: per-event weights on the loss.

A weighting is called as `name(columns, *, ...)` with the columns of a block of events by name, each (N,): the model's
flat inputs, the targets as true_<target>, and what else the data carry. It returns weights (N,), which the program
divides by their mean over the training split. Those registered with `epochs=True` change while the training goes on:
they are called as `name(columns, epoch, *, ...)` with tensors.
"""

from typing import Any

from app.core.catalog import Catalog

WEIGHTINGS = Catalog[Any]("weighting", "losses.weighting")
