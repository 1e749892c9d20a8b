"""Runs are compared on the same test events only, in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from app.comparison.compared_run import ComparedRun
from app.core.errors import Problem, UserError
from app.predictions import Predictions


def aligned(runs: Sequence[ComparedRun]) -> dict[str, Predictions]:
    """Return the predictions of each run, events in the order of their keys.

    The keys of the test events and their truth decide, not the fingerprint of the data: a run on a share of the
    training events has the same test events as one on all of them, and the two may be compared.

    Raises:
        UserError: the runs were tested on different events, have keys that occur twice, or learn different targets.
    """
    found = {one.name: _sorted(one.predictions, one.name) for one in runs}
    first, *others = found
    for name in others:
        _refuse_other_events(found, first, name)
    return found


def _sorted(predictions: Predictions, name: str) -> Predictions:
    order = np.argsort(predictions.key)
    if not len(order):
        raise UserError(Problem("the run has no test events", (name,), expected="predictions of at least one event"))
    if (np.diff(predictions.key[order]) == 0).any():
        raise UserError(Problem("test events have the same key", (name,), expected="a key for each event"))
    return predictions.select(order)


def _refuse_other_events(found: Mapping[str, Predictions], first: str, name: str) -> None:
    one, other = found[first], found[name]
    common = len(np.intersect1d(one.key, other.key))
    if not common == len(one) == len(other):
        received = f"{len(one):,} and {len(other):,} test events, {common:,} of them in both"
        raise UserError(
            Problem(
                f"tested on other data than {first}",
                (name,),
                expected="runs on the same test events",
                received=received,
            )
        )
    for target in sorted(one.true.keys() & other.true.keys()):
        if not np.allclose(one.true[target], other.true[target], rtol=1e-5, atol=1e-6):
            what = f"tested on other data than {first}: equal keys, but another true {target}"
            raise UserError(Problem(what, (name,), expected="runs on the same test events"))
