"""Balancings: how the terms of a loss are added up.

A balancing is called as `name(objective, weights, *, ...)` when the objective is made: `objective` makes variables
(`add_weight`), `weights` are the job's weights of the terms by name, the leading term first. It returns a function of
({term: loss}, epoch) that gives what each term adds to the total of a training step; a term in its warm-up adds a share
of that. Judged is always with the job's own weights.
"""

from typing import Any

from app.core.catalog import Catalog

BALANCINGS = Catalog[Any]("balancing", "losses.balancing")
